// glibc's allocator settings: not part of Swift's Glibc module.
#pragma once
#include <malloc.h>
