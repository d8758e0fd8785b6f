#ifndef SACCADE_CCRYPTO_SHIM_H
#define SACCADE_CCRYPTO_SHIM_H

#include <openssl/evp.h>

#endif
