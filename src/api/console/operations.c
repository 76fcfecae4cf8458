/* What is served below /fulcrum, for the console and everybody else who asks: docs/CONSOLE.md. */
#include "api/console/console.h"
#include "api/console/dialect.h"
#include "api/control/routers.h"

static const struct api_operation rows[] = {
    {"GET", "/fulcrum/session", "GetSession", .handle = console_session_get},
    {"POST", "/fulcrum/session", "CreateSession", .handle = console_session_post, .is_open = true},
    {"DELETE", "/fulcrum/session", "DeleteSession", .handle = console_session_delete},
    {"GET", "/fulcrum/usage", "GetUsage", .handle = console_usage},
    {"GET", "/fulcrum/now", "GetNow", .handle = console_now},
    {"GET", "/fulcrum/series", "GetSeries", .handle = console_series},
    {"GET", "/fulcrum/requests", "ListRequests", .handle = console_requests},
    {"GET", "/fulcrum/requests/{requestId}", "GetRequest", .handle = console_request},
    {"GET", "/fulcrum/cache", "GetCache", .handle = console_cache},
    {"GET", "/fulcrum/tenants", "ListTenants", .handle = console_tenants},
    /* Models, jobs, routers, advice, alarms. */
    {"GET", "/fulcrum/models", "ListModels", .handle = console_models},
    {"GET", "/fulcrum/jobs", "ListJobs", .handle = console_jobs},
    {"GET", "/fulcrum/jobs/{arn}", "DescribeJob", .handle = console_job_details},
    {"GET", "/fulcrum/routers", "ListRouters", .handle = console_routers},
    {"GET", "/fulcrum/advice", "GetAdvice", .handle = console_advice},
    {"GET", "/fulcrum/alarms", "ListAlarms", .handle = console_alarms},
    {"GET", "/fulcrum/keys", "ListKeys", .handle = console_keys},
    {"POST", "/fulcrum/keys", "CreateKey", .handle = console_key_create, .needs_admin = true},
    {"DELETE", "/fulcrum/keys/{keyId}", "RevokeKey", .handle = console_key_revoke, .needs_admin = true},
    {"GET", "/fulcrum/budgets", "ListBudgets", .handle = console_budgets},
    {"POST", "/fulcrum/budgets", "SetBudgets", .handle = console_budget_set, .needs_admin = true},
    {"GET", "/fulcrum/routers/{modelId}", "DescribeRouter", .handle = describe_router},
    {"POST", "/fulcrum/routers/{modelId}/explain", "ExplainRoute", .handle = explain_route, .takes_prompt = true},
};

const struct operations_table console_operations = {
    .dialect = &console_dialect, .prefix = "/fulcrum/", .rows = rows, .count = sizeof(rows) / sizeof(rows[0])};
