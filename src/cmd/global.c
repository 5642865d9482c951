/* global.c - the options that all verbs share; apart, so that a test needs no table of verbs */

#include "cmd/cmd.h"

struct cmd_global cmd_global;
