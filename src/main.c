/* main.c - suanlu: one binary, the daemon and its command line */

#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	return cmd_main(argc, argv);
}
