/* version.c - `fulcrum version`: prints what this build is. */
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"

int cmd_version(int argc, char **argv)
{
    struct cmd_options options;
    int status;
    if (!cmd_options_parse(argc, argv, "usage: fulcrum version\n", false, false, &options, &status))
        return status;
    struct buf out;
    buf_init(&out, 4096);
    buf_append_text(&out, "fulcrum " FULCRUM_VERSION "\n");
    return cmd_finish("version", &out);
}
