"""How providers say the same counts: of each API, and of those that speak chat completions with members of their own.
`usage` is {"input", "read", "write", "output"}, counted apart, with "write_1h" of what was written."""


def openai_usage(usage, shape=None):
    fresh, read, write, output = (usage[key] for key in ("input", "read", "write", "output"))
    prompt = fresh + read + write
    said = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    if shape is None:
        said["prompt_tokens_details"] = {"cached_tokens": read, "cache_write_tokens": write}
        if usage.get("write_1h"):
            said["prompt_tokens_details"]["cache_write_tokens_details"] = {
                "ttl_30m_tokens": write - usage["write_1h"], "ttl_12h_tokens": usage["write_1h"]}
    elif shape == "vllm":  # tells reads where it is asked to, and writes nothing that is paid
        said["prompt_tokens_details"] = {"cached_tokens": read}
    elif shape == "deepseek":
        said |= {"prompt_cache_hit_tokens": read, "prompt_cache_miss_tokens": fresh + write}
    elif shape == "openrouter":
        said |= {"prompt_tokens_details": {"cached_tokens": read}, "cache_creation_input_tokens": write, "cost": 0.01}
    elif shape == "litellm":  # one that counted what was written beside the prompt, and what was read inside
        said |= {"prompt_tokens": fresh + read, "prompt_tokens_details": {"cached_tokens": read},
                 "cache_creation_input_tokens": write, "cache_read_input_tokens": read}
    elif shape == "apart":  # one that counted both beside it, its total too
        said |= {"prompt_tokens": fresh, "total_tokens": fresh + output, "cache_creation_input_tokens": write,
                 "cache_read_input_tokens": read}
    elif shape == "wrong":
        said |= {"total_tokens": prompt + output + 1, "prompt_tokens_details": {"cached_tokens": read,
                                                                                "cache_write_tokens": write}}
    else:
        raise AssertionError(shape)
    return said


def anthropic_usage(usage):
    said = {"input_tokens": usage["input"], "cache_read_input_tokens": usage["read"],
            "cache_creation_input_tokens": usage["write"], "output_tokens": usage["output"]}
    if "write_1h" in usage:
        said["cache_creation"] = {"ephemeral_5m_input_tokens": usage["write"] - usage["write_1h"],
                                  "ephemeral_1h_input_tokens": usage["write_1h"]}
    return said


def bedrock_usage(usage):
    said = {"inputTokens": usage["input"], "outputTokens": usage["output"], "cacheReadInputTokens": usage["read"],
            "cacheWriteInputTokens": usage["write"],
            "totalTokens": sum(usage[key] for key in ("input", "read", "write", "output"))}
    if "write_1h" in usage:
        said["cacheDetails"] = [{"ttl": "1h", "inputTokens": usage["write_1h"]},
                                {"ttl": "5m", "inputTokens": usage["write"] - usage["write_1h"]}]
    return said
