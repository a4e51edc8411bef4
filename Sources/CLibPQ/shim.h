// libpq. Character-literal macros do not import into Swift: they are constants here.
#pragma once
#include <libpq-fe.h>
#include <postgres_ext.h>

static const int clibpq_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int clibpq_diag_message_primary = PG_DIAG_MESSAGE_PRIMARY;
static const int clibpq_diag_message_detail = PG_DIAG_MESSAGE_DETAIL;
static const int clibpq_diag_constraint_name = PG_DIAG_CONSTRAINT_NAME;
