#ifndef SACCADE_CPOSTGRES_SHIM_H
#define SACCADE_CPOSTGRES_SHIM_H

#include <libpq-fe.h>

#endif
