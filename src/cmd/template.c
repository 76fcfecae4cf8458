/* template.c - `fulcrum template`: internal, started for each chat template that is examined (jinja/ask.h). */
#include "cmd/cmd.h"
#include "jinja/ask.h"

int cmd_template(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return jinja_serve();
}
