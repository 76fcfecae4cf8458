/* Documents of the monitoring service through its three protocols: CBOR by RFC 8949's own examples, forms, XML, and
 * what is damaged or of the wrong type. */
#include "support.h"

#include "api/monitoring/cbor.h"
#include "api/monitoring/form.h"
#include "api/monitoring/protocol.h"
#include "api/monitoring/xml_reply.h"
#include "core/json.h"
#include "core/util.h"

static const struct shape *input_of(const char *operation)
{
    return monitoring_operation_find(str_of(operation))->input;
}

/* --- CBOR --- */

static enum error_code read_hex(const char *hex, struct buf *json, struct error *error)
{
    char bytes[512];
    const size_t len = strlen(hex) / 2;
    assert_true(len <= sizeof(bytes) && hex_decode(str_of(hex), bytes, len));
    return cbor_read((struct str){bytes, len}, json, error);
}

static void cbor_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *json;
    } rows[] = {
        {"00", "0"},
        {"17", "23"},
        {"1818", "24"},
        {"1903e8", "1000"},
        {"1b000000e8d4a51000", "1000000000000"},
        {"1bffffffffffffffff", "18446744073709551615"},
        {"20", "-1"},
        {"3903e7", "-1000"},
        {"f90000", "0"},
        {"f93c00", "1"},
        {"f93e00", "1.5"},
        {"f97bff", "65504"},
        {"f90001", "5.9604644775390625e-08"},
        {"f9c400", "-4"},
        {"fa47c35000", "100000"},
        {"fb7e37e43c8800759c", "1.0000000000000001e+300"},
        {"f4", "false"},
        {"f5", "true"},
        {"f6", "null"},
        {"f7", "null"},
        {"c11a514b67b0", "1363896240"},
        {"c1fb41d452d9ec200000", "1363896240.5"},
        {"d9d9f7a0", "{}"},
        {"4401020304", "\"AQIDBA==\""},
        {"60", "\"\""},
        {"62c3bc", "\"\xc3\xbc\""},
        {"62225c", "\"\\\"\\\\\""},
        {"80", "[]"},
        {"8301820203820405", "[1,[2,3],[4,5]]"},
        {"a26161016162820203", "{\"a\":1,\"b\":[2,3]}"},
        {"7f657374726561646d696e67ff", "\"streaming\""},
        {"5f42010243030405ff", "\"AQIDBAU=\""},
        {"9f018202039f0405ffff", "[1,[2,3],[4,5]]"},
        {"bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"},
        {"", "{}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf json;
        struct error error = {0};
        buf_init(&json, 4096);
        if (read_hex(rows[i].hex, &json, &error) != OK)
            fail_msg("%s: %s", rows[i].hex, error.message);
        assert_str_equal(buf_str(&json), rows[i].json);
        buf_deinit(&json);
    }
}

static void damaged_cbor_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "18",                 /* no number */
        "61",                 /* no text */
        "7bffffffffffffffff", /* more text than there is */
        "9bffffffffffffffff", /* more members than there are */
        "bbffffffffffffffff", "a1", "a16161", "a10101", /* a key that is no text */
        "ff", "1f", "3f", "df00", "1c", "1d", "1e", "f8ff", "e0", "61ff", /* not UTF-8 */
        "f97e00", "f97c00", "faff800000", "fb7ff0000000000000",           /* not a number, infinite */
        "0000",                                                           /* two items */
        "7f6161", "7f01ff", "7f7f6161ffff", "5f6161ff", "9f01", "bf6161ff",
        "c1", "c1ff",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf json;
        struct error error = {0};
        buf_init(&json, 4096);
        if (read_hex(rows[i], &json, &error) != ERROR_INVALID)
            fail_msg("%s was read", rows[i]);
        assert_true(strstr(error.message, "CBOR") && strstr(error.message, " at byte "));
        buf_deinit(&json);
    }
}

static void deep_cbor_is_refused(void **state)
{
    (void)state;
    char bytes[100000];
    struct buf json;
    struct error error;
    static const unsigned char openings[] = {0x81, 0x9f, 0xc1};
    for (size_t i = 0; i < sizeof(openings); i++) {
        memset(bytes, openings[i], sizeof(bytes));
        buf_init(&json, 1 << 20);
        assert_int_equal(cbor_read((struct str){bytes, sizeof(bytes)}, &json, &error), ERROR_INVALID);
        buf_deinit(&json);
    }
}

static void assert_cbor(const struct shape *shape, const char *json, const char *hex)
{
    struct error error;
    yyjson_doc *doc;
    struct buf out;
    char text[1024];
    assert_int_equal(json_parse(str_of(json), &doc, &error), OK);
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    buf_init(&out, 4096);
    cbor_append(&out, shape, yyjson_mut_doc_get_root(copy));
    assert_false(out.failed);
    hex_encode(out.data, out.len, text);
    assert_string_equal(text, hex);
    buf_deinit(&out);
    yyjson_mut_doc_free(copy);
    json_free(doc);
}

static void cbor_is_written(void **state)
{
    (void)state;
    assert_cbor(NULL, "{\"a\":[0,23,24,-1,-500,1.5,true,false,null,\"x\"]}",
                "a161618a001718182039" "01f3" "fb3ff8000000000000f5f4f66178");
    const struct shape *output = monitoring_operation_find(STR("GetMetricData"))->output;
    /* times are tag 1, values doubles however round */
    assert_cbor(output, "{\"MetricDataResults\":[{\"Timestamps\":[60],\"Values\":[2]}]}",
                "a1714d657472696344617461526573756c747381a26a54696d657374616d707381c1183c6656616c75657381"
                "fb4000000000000000");
}

/* --- forms --- */

static void read_form(const char *operation, const char *text, const char *json)
{
    struct error error = {0};
    struct form form;
    struct arena arena;
    struct buf out;
    arena_init(&arena, 0);
    buf_init(&out, 1 << 20);
    if (form_parse(str_of(text), &arena, &form, &error) != OK ||
        form_read(&form, input_of(operation), &arena, &out, &error) != OK)
        fail_msg("%s: %s", text, error.message);
    assert_str_equal(buf_str(&out), json);
    buf_deinit(&out);
    arena_deinit(&arena);
}

static void forms_are_read(void **state)
{
    (void)state;
    read_form("ListMetrics", "Action=ListMetrics&Version=2010-08-01&Namespace=AWS%2FBedrock",
              "{\"Namespace\":\"AWS/Bedrock\"}");
    read_form("GetMetricData",
              "MetricDataQueries.member.1.Id=a&MetricDataQueries.member.1.MetricStat.Metric.Namespace=x+y&"
              "MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name=ModelId&"
              "MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Value=m&"
              "MetricDataQueries.member.1.MetricStat.Period=300&MetricDataQueries.member.1.ReturnData=false&"
              "StartTime=2026-11-01T00%3A00%3A00Z&MaxDatapoints=7",
              "{\"MaxDatapoints\":7,\"MetricDataQueries\":[{\"Id\":\"a\",\"MetricStat\":{\"Metric\":{\"Dimensions\":"
              "[{\"Name\":\"ModelId\",\"Value\":\"m\"}],\"Namespace\":\"x y\"},\"Period\":300},\"ReturnData\":false}],"
              "\"StartTime\":\"2026-11-01T00:00:00Z\"}");
    /* in the order of their numbers, whatever order they come in */
    read_form("DeleteAlarms",
              "AlarmNames.member.10=j&AlarmNames.member.9=i&AlarmNames.member.2=b&AlarmNames.member.1=a",
              "{\"AlarmNames\":[\"a\",\"b\",\"i\",\"j\"]}");
    read_form("PutMetricAlarm", "AlarmActions=&Threshold=6e1&ActionsEnabled=true",
              "{\"ActionsEnabled\":true,\"AlarmActions\":[],\"Threshold\":60.0}");
    read_form("PutMetricAlarm", "EvaluationCriteria.PromQLCriteria.Query=x", "{\"EvaluationCriteria\":\"x\"}");
    read_form("ListMetrics", "", "{}");
}

static void broken_forms_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *text, *word;
    } rows[] = {
        {"ListMetrics", "Namespace=%zz", "percent"},
        {"ListMetrics", "Namespace=%ff", "percent"},
        {"GetMetricData", "MaxDatapoints=many", "MaxDatapoints: expected an integer"},
        {"PutMetricAlarm", "Threshold=nan", "Threshold: expected a number"},
        {"PutMetricAlarm", "ActionsEnabled=yes", "true or false"},
        {"DeleteAlarms", "AlarmNames=x", "AlarmNames: expected a list"},
        {"DeleteAlarms", "AlarmNames.x.1=x", "expected a list"},
        {"DeleteAlarms", "AlarmNames.member.x=x", "number of a list"},
        {"DeleteAlarms", "AlarmNames.member=x", "expected a list"},
        {"ListMetrics", "Namespace.x=1", "without parts"},
        {"GetMetricData", "MetricDataQueries.member.1=x", "a structure"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        struct form form;
        struct arena arena;
        struct buf out;
        arena_init(&arena, 0);
        buf_init(&out, 1 << 20);
        enum error_code code = form_parse(str_of(rows[i].text), &arena, &form, &error);
        if (code == OK)
            code = form_read(&form, input_of(rows[i].operation), &arena, &out, &error);
        assert_int_equal(code, ERROR_INVALID);
        if (!strstr(error.message, rows[i].word))
            fail_msg("%s: %s", rows[i].text, error.message);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

/* --- replies --- */

static void replies_are_xml(void **state)
{
    (void)state;
    struct error error;
    yyjson_doc *doc;
    struct buf out;
    static const char json[] = "{\"Label\":\"a<b\",\"Datapoints\":[{\"Timestamp\":1764403200,\"Sum\":2.5,"
                               "\"ExtendedStatistics\":{\"p90\":1.0}}]}";
    assert_int_equal(json_parse(STR(json), &doc, &error), OK);
    yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    buf_init(&out, 1 << 16);
    monitoring_append_reply(&out, MONITORING_QUERY, monitoring_operation_find(STR("GetMetricStatistics")),
                            yyjson_mut_doc_get_root(copy), "ID");
    assert_str_equal(buf_str(&out),
                     "<GetMetricStatisticsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">"
                     "<GetMetricStatisticsResult><Label>a&lt;b</Label><Datapoints><member>"
                     "<Timestamp>2025-11-29T08:00:00.000Z</Timestamp><Sum>2.5</Sum><ExtendedStatistics><entry>"
                     "<key>p90</key><value>1</value></entry></ExtendedStatistics></member></Datapoints>"
                     "</GetMetricStatisticsResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata>"
                     "</GetMetricStatisticsResponse>");
    buf_clear(&out);
    monitoring_append_reply(&out, MONITORING_QUERY, monitoring_operation_find(STR("DeleteAlarms")), NULL, "ID");
    assert_true(buf_append_char(&out, 0) && strstr(out.data, "DeleteAlarmsResult") == NULL);
    buf_deinit(&out);
    yyjson_mut_doc_free(copy);
    json_free(doc);
}

static void errors_have_names_in_each_protocol(void **state)
{
    (void)state;
    struct buf out;
    const struct monitoring_error *error = monitoring_error_of(FAULT_DASHBOARD_NOT_FOUND, ERROR_INVALID);
    assert_int_equal(error->status, 404);
    buf_init(&out, 4096);
    monitoring_append_error(&out, MONITORING_JSON, error, STR("no"), "ID");
    assert_str_equal(buf_str(&out),
                     "{\"__type\":\"com.amazonaws.cloudwatch#DashboardNotFoundError\",\"message\":\"no\"}");
    buf_clear(&out);
    monitoring_append_error(&out, MONITORING_QUERY, error, STR("no"), "ID");
    assert_str_equal(buf_str(&out),
                     "<ErrorResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\"><Error>"
                     "<Type>Sender</Type><Code>ResourceNotFound</Code><Message>no</Message></Error>"
                     "<RequestId>ID</RequestId></ErrorResponse>");
    buf_clear(&out);
    monitoring_append_error(&out, MONITORING_CBOR, error, STR("no"), "ID");
    struct buf json;
    struct error ignored;
    buf_init(&json, 4096);
    assert_int_equal(cbor_read(buf_str(&out), &json, &ignored), OK);
    assert_str_equal(buf_str(&json),
                     "{\"__type\":\"com.amazonaws.cloudwatch#DashboardNotFoundError\",\"message\":\"no\"}");
    buf_deinit(&json);
    buf_deinit(&out);
    /* every fault and every code has one */
    for (int fault = FAULT_NONE + 1; fault < FAULTS; fault++)
        assert_non_null(monitoring_error_of((enum monitoring_fault)fault, OK)->code);
    for (int code = ERROR_INVALID; code <= ERROR_INTERNAL; code++)
        assert_true(monitoring_error_of(FAULT_NONE, (enum error_code)code)->status >= 400);
}

/* --- shapes --- */

static void documents_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *json, *word;
        bool is_missing;
    } rows[] = {
        {"ListMetrics", "{}", NULL, false},
        {"ListMetrics", "{\"Unknown\":7,\"Namespace\":null}", NULL, false},
        {"ListMetrics", "[]", "the request: expected an object", false},
        {"ListMetrics", "{\"Namespace\":7}", "Namespace: expected a string", false},
        {"ListMetrics", "{\"Dimensions\":[{\"Value\":\"x\"}]}", "Dimensions[0].Name is required", true},
        {"GetMetricData", "{}", "MetricDataQueries is required", true},
        {"GetMetricData", "{\"MetricDataQueries\":[],\"StartTime\":1,\"EndTime\":\"2026-01-01T00:00:00+01:00\"}", NULL,
         false},
        {"GetMetricData", "{\"MetricDataQueries\":[],\"StartTime\":-1,\"EndTime\":1}", "StartTime: expected a time",
         false},
        {"GetMetricData", "{\"MetricDataQueries\":[{\"Id\":\"a\",\"Period\":1.5}],\"StartTime\":1,\"EndTime\":2}",
         "MetricDataQueries[0].Period: expected an integer", false},
        {"PutMetricData", "{\"Namespace\":\"n\",\"MetricData\":{}}", "MetricData: expected a list", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        yyjson_doc *doc;
        bool is_missing;
        assert_int_equal(json_parse(str_of(rows[i].json), &doc, &error), OK);
        const enum error_code code =
            shape_check(input_of(rows[i].operation), yyjson_doc_get_root(doc), &is_missing, &error);
        assert_int_equal(code, rows[i].word ? ERROR_INVALID : OK);
        if (rows[i].word && !strstr(error.message, rows[i].word))
            fail_msg("%s: %s", rows[i].json, error.message);
        assert_int_equal(is_missing, rows[i].is_missing);
        json_free(doc);
    }
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2025-11-29T08:00:00Z", 1764403200},
        {"2025-11-29T08:00:00.500Z", 1764403200.5},
        {"2025-11-29T08:00Z", 1764403200},
        {"2025-11-29 09:00:00+01:00", 1764403200},
        {"2025-11-29T04:30:00-0330", 1764403200},
        {"2025-11-29", 1764374400},
        {"1764403200", 1764403200},
        {"1764403200.25", 1764403200.25},
        {"yesterday", -1},
        {"2025-13-01", -1},
        {"2025-11-29T08", -1},
        {"2025-11-29T08:00:00X", -1},
        {"-5", -1},
        {"1e300", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double seconds = -1;
        const bool is_time = shape_parse_time(str_of(rows[i].text), &seconds);
        if (is_time != (rows[i].seconds >= 0) || (is_time && seconds != rows[i].seconds))
            fail_msg("%s: %d %f", rows[i].text, is_time, seconds);
    }
}

/* --- whose request it is --- */

static bool match(const char *path, const char *target, const char *scope, struct operations_match *found)
{
    const struct http_header headers[] = {{STR("x-amz-target"), str_of(target)}};
    struct http_request request = {.method = STR("POST"), .path = str_of(path), .query = STR("")};
    request.headers = (struct http_header *)(uintptr_t)headers;
    request.header_count = target ? 1 : 0;
    return monitoring_match(&request, str_of(scope), found);
}

static void requests_are_told_apart(void **state)
{
    (void)state;
    struct operations_match found;
    static const char path[] = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
    assert_true(match(path, NULL, "", &found));
    assert_string_equal(found.operation->name, "ListMetrics");
    assert_int_equal(monitoring_protocol_of(found.dialect), MONITORING_CBOR);
    assert_true(match("/", "GraniteServiceVersion20100801.GetMetricData", "", &found));
    assert_string_equal(found.operation->name, "GetMetricData");
    assert_int_equal(monitoring_protocol_of(found.dialect), MONITORING_JSON);
    assert_true(match("/", NULL, "monitoring", &found));
    assert_string_equal(found.operation->name, "MonitoringQuery");
    assert_int_equal(monitoring_protocol_of(found.dialect), MONITORING_QUERY);
    assert_true(match("/", "GraniteServiceVersion20100801.PutMetricStream", "", &found));
    assert_true(!found.operation && found.absent);
    assert_true(match("/", "GraniteServiceVersion20100801.", "", &found));
    assert_true(!found.operation && found.absent);
    assert_false(match("/", NULL, "sts", &found));
    assert_false(match("/", "AmazonBedrockControlPlaneService.X", "bedrock", &found));
    assert_false(match("/bucket/key", NULL, "s3", &found));
    /* each operation of the service has its row, so that it is counted by its name */
    for (size_t i = 0; i < monitoring_operation_count; i++) {
        char target[128];
        (void)snprintf(target, sizeof(target), "GraniteServiceVersion20100801.%s", monitoring_operations[i].name);
        assert_true(match("/", target, "monitoring", &found));
        assert_string_equal(found.operation->name, monitoring_operations[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cbor_is_read),
        cmocka_unit_test(damaged_cbor_is_refused),
        cmocka_unit_test(deep_cbor_is_refused),
        cmocka_unit_test(cbor_is_written),
        cmocka_unit_test(forms_are_read),
        cmocka_unit_test(broken_forms_are_refused),
        cmocka_unit_test(replies_are_xml),
        cmocka_unit_test(errors_have_names_in_each_protocol),
        cmocka_unit_test(documents_are_checked),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(requests_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
