"""A prompt cache as providers of marks have it: what is before a mark is kept, and read by whoever begins with it.

    provider.cache = MarkedCache(least=1024)     # fake_provider.py counts its usage by it from here on"""

import json

LOOKS_BACK = 20  # pieces before a mark, among which it finds what was kept


def anthropic_pieces(body):
    """(text, seconds that its mark asks for, or 0) of the prompt, in its order."""
    for tool in body.get("tools", []):
        yield json.dumps({**tool, "cache_control": None}), seconds(tool.get("cache_control"))
    system = body.get("system", [])
    for block in [{"type": "text", "text": system}] if isinstance(system, str) else system:
        yield block["text"], seconds(block.get("cache_control"))
    for message in body["messages"]:
        content = message["content"]
        yield message["role"], 0
        for block in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            yield json.dumps({**block, "cache_control": None}) if block["type"] != "text" else block["text"], \
                seconds(block.get("cache_control"))


def bedrock_pieces(body):
    groups = [(None, body.get("toolConfig", {}).get("tools", [])), (None, body.get("system", []))]
    groups += [(message["role"], message["content"]) for message in body["messages"]]
    for role, blocks in groups:
        if role:
            yield role, 0
        for block in blocks:
            if "cachePoint" in block:
                yield "", seconds(block["cachePoint"])
            else:
                yield block["text"] if "text" in block else json.dumps(block), 0


def seconds(mark):
    return 0 if not mark else 3600 if mark.get("ttl") == "1h" else 300


class MarkedCache:
    def __init__(self, least=1024, pieces=anthropic_pieces):
        self.least, self.pieces = least, pieces
        self.kept = set()
        self.marks = []  # of each request: how many

    def usage(self, body, output):
        ends, text, marked = [], "", 0
        for piece, ttl in self.pieces(body):
            text += piece
            ends.append((text, ttl))
            marked += ttl > 0
        self.marks.append(marked)
        near = {k for place, (_, ttl) in enumerate(ends) if ttl for k in range(place - LOOKS_BACK, place + 1)}
        read = max((len(end) for k, (end, _) in enumerate(ends) if k in near and end in self.kept), default=0)
        last = max((len(end) for end, ttl in ends if ttl and len(end) // 4 >= self.least), default=0)
        written = max(last - read, 0)
        hour = written if any(ttl > 300 for _, ttl in ends) else 0
        self.kept |= {end for end, ttl in ends if ttl and len(end) // 4 >= self.least}
        return {"read": read // 4, "write": written // 4, "write_1h": hour // 4,
                "input": len(text) // 4 - read // 4 - written // 4, "output": output}
