/* cmd.h - one function per subcommand; argv[0] is the subcommand's name.
 * Exit status: 0 done, 1 failed (one line on standard error), 2 wrong usage or configuration. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

int cmd_serve(int argc, char **argv);
struct work_others;
int cmd_serve_with(int argc, char **argv, const struct work_others *others); /* not NULL; see generate/work_port.h */
int cmd_worker(int argc, char **argv); /* internal: an engine worker, started by serve */
int cmd_extract(int argc, char **argv); /* internal: the text of one document, started by serve */
int cmd_template(int argc, char **argv); /* internal: renderings of one chat template, started by worker and models */
int cmd_train(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_advise(int argc, char **argv);
int cmd_batch(int argc, char **argv);
int cmd_distill(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_cache(int argc, char **argv);
int cmd_ledger(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_router(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_limits(int argc, char **argv);
int cmd_models(int argc, char **argv);
int cmd_check_config(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
