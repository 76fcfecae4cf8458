/* output.c - objects of a customization job's output: where they lie, and what a store that refuses them means. See
 * run.h. */
#include <stdio.h>

#include "batch/files.h"
#include "customize/run.h"

/* A bucket that is gone and a server that refuses can be set right, and what was computed is worth the wait. */
static enum error_code put_problem(enum objects_problem problem, struct error *error)
{
    if (problem != OBJECTS_NO_BUCKET && problem != OBJECTS_DENIED && problem != OBJECTS_QUOTA)
        return objects_code(problem, error);
    error->code = ERROR_DENIED;
    return error_prefix(error, "The output cannot be written");
}

enum error_code run_output_key(const struct custom_run *run, const char *name, struct str *bucket, struct run_key *key,
                               struct error *error)
{
    return custom_output_key(yyjson_doc_get_root(run->request), run->job.id, name, bucket, key, error);
}

enum error_code custom_output_key(yyjson_val *request, const char *id, const char *name, struct str *bucket,
                                  struct run_key *key, struct error *error)
{
    yyjson_val *config = yyjson_obj_get(request, "outputDataConfig");
    struct str prefix;
    enum error_code code = objects_code(
        objects_parse_uri(json_str(yyjson_obj_get(config, "s3Uri")), bucket, &prefix, error), error);
    if (code != OK)
        return code;
    const bool has_slash = prefix.len == 0 || prefix.data[prefix.len - 1] == '/';
    const int len = snprintf(key->text, sizeof(key->text), STR_FMT "%smodel-customization-job-%s/%s", STR_ARG(prefix),
                             has_slash ? "" : "/", id, name);
    return len > 0 && (size_t)len < sizeof(key->text)
               ? OK
               : error_set(error, ERROR_INVALID, "The key of the output's %s is longer than %d bytes.", name,
                           OBJECTS_KEY_MAX);
}

enum error_code run_put_file(struct custom_run *run, const char *name, const char *path, const char *type,
                             struct error *error)
{
    struct str bucket;
    struct run_key key;
    const enum error_code code = run_output_key(run, name, &bucket, &key, error);
    return code == OK ? put_problem(objects_put_file(run->runner->options->objects, run->job.tenant, bucket,
                                                     str_of(key.text), path, str_of(type), error), error)
                      : code;
}

enum error_code run_put(struct custom_run *run, const char *name, struct str text, const char *type,
                        struct error *error)
{
    const struct run_path path = run_file(run, "put");
    struct file_writer writer;
    enum error_code code = file_writer_open(&writer, path.text, error);
    if (code != OK)
        return code;
    code = file_writer_put(&writer, text.data, text.len, error);
    code = file_writer_close(&writer, code, error);
    return code == OK ? run_put_file(run, name, path.text, type, error) : code;
}
