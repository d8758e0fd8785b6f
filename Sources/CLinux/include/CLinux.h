#ifndef SACCADE_CLINUX_H
#define SACCADE_CLINUX_H

// What the Swift importer can not see of Linux: macros and varargs. Nothing else belongs here.

#endif
