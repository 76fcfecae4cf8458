/* ledger_check.c - `fulcrum ledger check`: prints what ledger/check.c finds. Repairs nothing. See ledger_check.h. */
#include "cmd/ledger_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "core/buf.h"
#include "ledger/check.h"

#define ROW_MAX (64u << 10)

struct printer {
    bool is_json;
    struct buf row;
};

static void print_row(struct printer *printer)
{
    const struct str text = buf_str(&printer->row);
    (void)fwrite(text.data, 1, text.len, stdout);
    buf_clear(&printer->row);
}

/* A damaged file may hold any bytes. A reader gets text: one line of UTF-8, what is none of it as \xNN. */
static void append_shown(struct buf *row, struct str text)
{
    while (text.len > 0) {
        size_t valid = str_utf8_valid_len(text), plain = 0;
        while (plain < valid && (unsigned char)text.data[plain] >= 0x20 && text.data[plain] != 0x7f)
            plain++;
        buf_append(row, text.data, plain);
        if (plain < text.len)
            buf_appendf(row, "\\x%02X", (unsigned)(unsigned char)text.data[plain]);
        text = str_slice(text, plain + 1, text.len);
    }
}

static void append_text(struct buf *row, const struct ledger_damage *damage)
{
    if (damage->kind == LEDGER_DAMAGED_FILE)
        buf_append_text(row, "the file: ");
    else if (damage->kind == LEDGER_DAMAGED_LINE)
        buf_appendf(row, "line %" PRId64 ", request ", damage->row);
    else
        buf_appendf(row, "price row %" PRId64 ", ", damage->row);
    append_shown(row, damage->name);
    buf_append_text(row, damage->kind == LEDGER_DAMAGED_FILE ? "\n" : ": not what was written\n");
}

static void append_json(struct buf *row, const struct ledger_damage *damage)
{
    static const char *const name_keys[LEDGER_DAMAGES] = {
        [LEDGER_DAMAGED_FILE] = "message", [LEDGER_DAMAGED_LINE] = "requestId", [LEDGER_DAMAGED_PRICE] = "name"};
    buf_appendf(row, "{\"damaged\":\"%s\",", ledger_damage_names[damage->kind]);
    if (damage->kind != LEDGER_DAMAGED_FILE)
        buf_appendf(row, "\"row\":%" PRId64 ",", damage->row);
    buf_appendf(row, "\"%s\":", name_keys[damage->kind]);
    buf_append_json(row, damage->name);
    buf_append_text(row, "}\n");
}

static void print_damage(void *ctx, const struct ledger_damage *damage)
{
    struct printer *printer = ctx;
    (printer->is_json ? append_json : append_text)(&printer->row, damage);
    print_row(printer);
}

static void print_end(struct printer *printer, const struct ledger_checked *checked)
{
    const char *format = printer->is_json ? "{\"lines\":%" PRIu64 ",\"priceRows\":%" PRIu64
                                            ",\"withoutChecksum\":%" PRIu64 ",\"damages\":%" PRIu64 "}\n"
                                          : "%" PRIu64 " lines, %" PRIu64 " price rows; %" PRIu64
                                            " lines without a checksum; %" PRIu64 " damaged\n";
    buf_appendf(&printer->row, format, checked->lines, checked->prices, checked->unsealed, checked->damages);
    print_row(printer);
}

int cmd_ledger_check(const char *data, bool is_json)
{
    struct printer printer = {.is_json = is_json};
    struct ledger_checked checked;
    struct error error;
    buf_init(&printer.row, ROW_MAX);
    const enum error_code code = ledger_check(data, print_damage, &printer, &checked, &error);
    if (code == OK)
        print_end(&printer, &checked);
    buf_deinit(&printer.row);
    if (code != OK)
        return cmd_fail("ledger", &error, CMD_FAILED);
    return checked.damages ? CMD_FAILED : CMD_DONE;
}
