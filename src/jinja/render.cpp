// render.cpp - see render.h. The only file that includes headers of llama.cpp's `common`.
#include "jinja/render.h"

#include <ctime>
#include <exception>
#include <string>

#include "jinja/caps.h"
#include "jinja/lexer.h"
#include "jinja/parser.h"
#include "jinja/runtime.h"
#include "json.h"

static std::string render(const jinja::program &program, const std::string &source, const common_json &variables,
                          std::time_t now)
{
    jinja::context context(source);
    context.current_time = now;
    jinja::global_from_json(context, variables, false);
    jinja::runtime runtime(context);
    return jinja::runtime::gather_string_parts(runtime.execute(program))->as_string().str();
}

static common_json render_one(const jinja::program &program, const std::string &source, const common_json &variables,
                              std::time_t now)
{
    common_json answer = common_json::object();
    try {
        answer["text"] = render(program, source, variables, now);
    } catch (const std::exception &e) {
        answer["error"] = std::string(e.what());
    }
    return answer;
}

static common_json answer_to(const common_json &question)
{
    jinja::lexer lexer;
    jinja::lexer_result tokens = lexer.tokenize(question.at("template").get<std::string>());
    jinja::program program = jinja::parse_from_tokens(tokens);
    common_json answer = common_json::object(), renderings = common_json::array();
    const auto now = static_cast<std::time_t>(question.at("now").get<int64_t>());
    for (const common_json &variables : question.at("renderings"))
        renderings.push_back(render_one(program, tokens.source, variables, now));
    answer["renderings"] = renderings;
    answer["capabilities"] = jinja::caps_get(program).to_map();
    return answer;
}

extern "C" void jinja_render(const char *question, size_t len, void (*put)(void *, const char *, size_t), void *ctx)
{
    std::string text;
    try {
        text = answer_to(common_json::parse(std::string(question, len))).dump_safe();
    } catch (const std::exception &e) {
        common_json answer = common_json::object();
        answer["error"] = std::string(e.what());
        text = answer.dump_safe();
    } catch (...) {
        text = "{\"error\": \"unknown exception\"}";
    }
    put(ctx, text.data(), text.size());
}
