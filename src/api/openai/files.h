/* files.h - OpenAI's files (store/files.h has them): sent as multipart/form-data, listed, given back, deleted. */
#ifndef API_OPENAI_FILES_H
#define API_OPENAI_FILES_H

#include "api/call.h"

void openai_create_file(struct api_call *call); /* an upload */
void openai_list_files(struct api_call *call);
void openai_get_file(struct api_call *call);
void openai_delete_file(struct api_call *call);
void openai_get_file_content(struct api_call *call);

#endif
