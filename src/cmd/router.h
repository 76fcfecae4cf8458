/* router.h - the verbs of `fulcrum router`; argv[0] is the verb's name. Exit status as in cmd.h. */
#ifndef CMD_ROUTER_H
#define CMD_ROUTER_H

int cmd_router_train(int argc, char **argv);
int cmd_router_eval(int argc, char **argv);

#endif
