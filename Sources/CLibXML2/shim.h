// libxml2's HTML parser and its streaming XML reader, and iconv, which comes with both.
#pragma once
#include <iconv.h>
#include <libxml/xmlversion.h>
// Debian's libxml2 shows ICU's types in a struct that is not used here; they would clash with the ICU inside Foundation.
#undef LIBXML_ICU_ENABLED
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlreader.h>

// xmlFree is a mutable function pointer, which Swift 6 does not import.
static inline void cxml_free(void *memory) { xmlFree(memory); }

static void cxml_ignore_error(void *context, xmlErrorPtr error) {
    (void)context;
    (void)error;
}

// Errors of hostile input belong to nobody's stderr.
static inline void cxml_silence(void) { xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)cxml_ignore_error); }
