/* main.c - suanlu: one binary, the daemon and its command line */

#include "base/json.h"
#include "cmd/cmd.h"

int main(int argc, char **argv)
{
	json_mem_init();
	return cmd_main(argc, argv);
}
