/* extract.c - `fulcrum extract`: internal, started by the gateway for each document (document/child.h). */
#include "cmd/cmd.h"
#include "document/child.h"

int cmd_extract(int argc, char **argv)
{
    return child_main(argc, argv);
}
