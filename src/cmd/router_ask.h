/* router_ask.h - `fulcrum router list` and `explain`: questions to a running server. */
#ifndef CMD_ROUTER_ASK_H
#define CMD_ROUTER_ASK_H

/* argv[0] is the verb; the exit status comes back. */
int router_list_command(int argc, char **argv);
int router_explain_command(int argc, char **argv);

#endif
