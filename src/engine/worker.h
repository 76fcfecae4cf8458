/* worker.h - the worker process: front thread and model thread around one model.
 *
 * The front thread runs a libuv loop over the links: decodes frames, counts and
 * tokenises, hands jobs to the scheduler and writes its events back. The model
 * thread loads the model and runs the scheduler. The process ends when its
 * control link does. */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

/* Descriptors as in protocol.h. Returns the exit status. */
int worker_run(unsigned ports);

#endif
