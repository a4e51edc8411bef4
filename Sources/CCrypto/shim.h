// OpenSSL's libcrypto, already linked by libpq and libcurl: digests and random bytes.
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
