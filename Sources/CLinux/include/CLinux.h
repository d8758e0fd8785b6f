#ifndef SACCADE_CLINUX_H
#define SACCADE_CLINUX_H

// What the Swift importer can not see of Linux: macros and varargs. Nothing else belongs here.

// prctl(2) is variadic. Both return 0, or -1 with errno.
int saccade_no_new_privileges(void);
int saccade_die_with_parent(void);

#endif
