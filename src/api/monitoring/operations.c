/* operations.c - what the monitoring service's operations take and give, and which functions serve them. A reply's
 * members stand here in full, so that every codec knows the type of whatever a handler puts there. */
#include "api/monitoring/alarms.h"

#define OPTIONAL(name, shape) {#name, &(shape), false}
#define REQUIRED(name, shape) {#name, &(shape), true}
#define LIST_OF(shape) {.kind = SHAPE_LIST, .of = &(shape)}
#define MAP_OF(shape) {.kind = SHAPE_MAP, .of = &(shape)}
#define STRUCTURE(members) {SHAPE_STRUCTURE, NULL, (members), sizeof(members) / sizeof((members)[0])}

/* --- shapes ----------------------------------------------------------------------------------------- */

static const struct shape string = {.kind = SHAPE_STRING};
static const struct shape integer = {.kind = SHAPE_INTEGER};
static const struct shape number = {.kind = SHAPE_NUMBER};
static const struct shape boolean = {.kind = SHAPE_BOOLEAN};
static const struct shape timestamp = {.kind = SHAPE_TIMESTAMP};
static const struct shape any = {.kind = SHAPE_ANY};
static const struct shape nothing = {.kind = SHAPE_STRUCTURE};

static const struct shape_member dimension_members[] = {
    REQUIRED(Name, string), REQUIRED(Value, string),
};
static const struct shape dimension = STRUCTURE(dimension_members);
static const struct shape list_of_dimension = LIST_OF(dimension);

static const struct shape_member metric_members[] = {
    OPTIONAL(Namespace, string), OPTIONAL(MetricName, string), OPTIONAL(Dimensions, list_of_dimension),
};
static const struct shape metric = STRUCTURE(metric_members);

static const struct shape_member metric_stat_members[] = {
    REQUIRED(Metric, metric), REQUIRED(Period, integer), REQUIRED(Stat, string), OPTIONAL(Unit, string),
};
static const struct shape metric_stat = STRUCTURE(metric_stat_members);

static const struct shape_member metric_data_query_members[] = {
    REQUIRED(Id, string), OPTIONAL(MetricStat, metric_stat), OPTIONAL(Expression, string), OPTIONAL(Label, string),
    OPTIONAL(ReturnData, boolean), OPTIONAL(Period, integer), OPTIONAL(AccountId, string),
};
static const struct shape metric_data_query = STRUCTURE(metric_data_query_members);
static const struct shape list_of_metric_data_query = LIST_OF(metric_data_query);

static const struct shape_member label_options_members[] = {
    OPTIONAL(Timezone, string),
};
static const struct shape label_options = STRUCTURE(label_options_members);

static const struct shape_member get_metric_data_input_members[] = {
    REQUIRED(MetricDataQueries, list_of_metric_data_query), REQUIRED(StartTime, timestamp),
    REQUIRED(EndTime, timestamp), OPTIONAL(NextToken, string), OPTIONAL(ScanBy, string),
    OPTIONAL(MaxDatapoints, integer), OPTIONAL(LabelOptions, label_options),
};
static const struct shape get_metric_data_input = STRUCTURE(get_metric_data_input_members);
static const struct shape list_of_timestamp = LIST_OF(timestamp);
static const struct shape list_of_number = LIST_OF(number);

static const struct shape_member message_data_members[] = {
    OPTIONAL(Code, string), OPTIONAL(Value, string),
};
static const struct shape message_data = STRUCTURE(message_data_members);
static const struct shape list_of_message_data = LIST_OF(message_data);

static const struct shape_member metric_data_result_members[] = {
    OPTIONAL(Id, string), OPTIONAL(Label, string), OPTIONAL(Timestamps, list_of_timestamp),
    OPTIONAL(Values, list_of_number), OPTIONAL(StatusCode, string), OPTIONAL(Messages, list_of_message_data),
};
static const struct shape metric_data_result = STRUCTURE(metric_data_result_members);
static const struct shape list_of_metric_data_result = LIST_OF(metric_data_result);

static const struct shape_member get_metric_data_output_members[] = {
    OPTIONAL(MetricDataResults, list_of_metric_data_result), OPTIONAL(NextToken, string),
    OPTIONAL(Messages, list_of_message_data),
};
static const struct shape get_metric_data_output = STRUCTURE(get_metric_data_output_members);
static const struct shape list_of_string = LIST_OF(string);

static const struct shape_member get_metric_statistics_input_members[] = {
    REQUIRED(Namespace, string), REQUIRED(MetricName, string), OPTIONAL(Dimensions, list_of_dimension),
    REQUIRED(StartTime, timestamp), REQUIRED(EndTime, timestamp), REQUIRED(Period, integer),
    OPTIONAL(Statistics, list_of_string), OPTIONAL(ExtendedStatistics, list_of_string), OPTIONAL(Unit, string),
};
static const struct shape get_metric_statistics_input = STRUCTURE(get_metric_statistics_input_members);
static const struct shape map_of_number = MAP_OF(number);

static const struct shape_member datapoint_members[] = {
    OPTIONAL(Timestamp, timestamp), OPTIONAL(SampleCount, number), OPTIONAL(Average, number), OPTIONAL(Sum, number),
    OPTIONAL(Minimum, number), OPTIONAL(Maximum, number), OPTIONAL(Unit, string),
    OPTIONAL(ExtendedStatistics, map_of_number),
};
static const struct shape datapoint = STRUCTURE(datapoint_members);
static const struct shape list_of_datapoint = LIST_OF(datapoint);

static const struct shape_member get_metric_statistics_output_members[] = {
    OPTIONAL(Label, string), OPTIONAL(Datapoints, list_of_datapoint),
};
static const struct shape get_metric_statistics_output = STRUCTURE(get_metric_statistics_output_members);

static const struct shape_member dimension_filter_members[] = {
    REQUIRED(Name, string), OPTIONAL(Value, string),
};
static const struct shape dimension_filter = STRUCTURE(dimension_filter_members);
static const struct shape list_of_dimension_filter = LIST_OF(dimension_filter);

static const struct shape_member list_metrics_input_members[] = {
    OPTIONAL(Namespace, string), OPTIONAL(MetricName, string), OPTIONAL(Dimensions, list_of_dimension_filter),
    OPTIONAL(NextToken, string), OPTIONAL(RecentlyActive, string), OPTIONAL(IncludeLinkedAccounts, boolean),
    OPTIONAL(OwningAccount, string),
};
static const struct shape list_metrics_input = STRUCTURE(list_metrics_input_members);
static const struct shape list_of_metric = LIST_OF(metric);

static const struct shape_member list_metrics_output_members[] = {
    OPTIONAL(Metrics, list_of_metric), OPTIONAL(NextToken, string), OPTIONAL(OwningAccounts, list_of_string),
};
static const struct shape list_metrics_output = STRUCTURE(list_metrics_output_members);

static const struct shape_member statistic_set_members[] = {
    REQUIRED(SampleCount, number), REQUIRED(Sum, number), REQUIRED(Minimum, number), REQUIRED(Maximum, number),
};
static const struct shape statistic_set = STRUCTURE(statistic_set_members);

static const struct shape_member metric_datum_members[] = {
    REQUIRED(MetricName, string), OPTIONAL(Dimensions, list_of_dimension), OPTIONAL(Timestamp, timestamp),
    OPTIONAL(Value, number), OPTIONAL(StatisticValues, statistic_set), OPTIONAL(Values, list_of_number),
    OPTIONAL(Counts, list_of_number), OPTIONAL(Unit, string), OPTIONAL(StorageResolution, integer),
};
static const struct shape metric_datum = STRUCTURE(metric_datum_members);
static const struct shape list_of_metric_datum = LIST_OF(metric_datum);
static const struct shape list_of_any = LIST_OF(any);

static const struct shape_member put_metric_data_input_members[] = {
    REQUIRED(Namespace, string), OPTIONAL(MetricData, list_of_metric_datum), OPTIONAL(EntityMetricData, list_of_any),
    OPTIONAL(StrictEntityValidation, boolean),
};
static const struct shape put_metric_data_input = STRUCTURE(put_metric_data_input_members);

static const struct shape_member tag_members[] = {
    REQUIRED(Key, string), REQUIRED(Value, string),
};
static const struct shape tag = STRUCTURE(tag_members);
static const struct shape list_of_tag = LIST_OF(tag);

static const struct shape_member alarm_tags_propagation_members[] = {
    REQUIRED(Enabled, boolean), OPTIONAL(IncludedTagKeys, list_of_string), OPTIONAL(ExcludedTagKeys, list_of_string),
};
static const struct shape alarm_tags_propagation = STRUCTURE(alarm_tags_propagation_members);

static const struct shape_member action_configuration_members[] = {
    OPTIONAL(AlarmTagsPropagation, alarm_tags_propagation),
};
static const struct shape action_configuration = STRUCTURE(action_configuration_members);

static const struct shape_member put_metric_alarm_input_members[] = {
    REQUIRED(AlarmName, string), OPTIONAL(AlarmDescription, string), OPTIONAL(ActionsEnabled, boolean),
    OPTIONAL(OKActions, list_of_string), OPTIONAL(AlarmActions, list_of_string),
    OPTIONAL(InsufficientDataActions, list_of_string), OPTIONAL(MetricName, string), OPTIONAL(Namespace, string),
    OPTIONAL(Statistic, string), OPTIONAL(ExtendedStatistic, string), OPTIONAL(Dimensions, list_of_dimension),
    OPTIONAL(Period, integer), OPTIONAL(Unit, string), OPTIONAL(EvaluationPeriods, integer),
    OPTIONAL(DatapointsToAlarm, integer), OPTIONAL(Threshold, number), OPTIONAL(ComparisonOperator, string),
    OPTIONAL(TreatMissingData, string), OPTIONAL(EvaluateLowSampleCountPercentile, string),
    OPTIONAL(Metrics, list_of_metric_data_query), OPTIONAL(Tags, list_of_tag), OPTIONAL(ThresholdMetricId, string),
    OPTIONAL(EvaluationWindow, any), OPTIONAL(WarmUpConfiguration, any), OPTIONAL(EvaluationCriteria, any),
    OPTIONAL(EvaluationInterval, integer), OPTIONAL(ActionConfiguration, action_configuration),
};
static const struct shape put_metric_alarm_input = STRUCTURE(put_metric_alarm_input_members);

static const struct shape_member describe_alarms_input_members[] = {
    OPTIONAL(AlarmNames, list_of_string), OPTIONAL(AlarmNamePrefix, string), OPTIONAL(AlarmTypes, list_of_string),
    OPTIONAL(ChildrenOfAlarmName, string), OPTIONAL(ParentsOfAlarmName, string), OPTIONAL(StateValue, string),
    OPTIONAL(ActionPrefix, string), OPTIONAL(MaxRecords, integer), OPTIONAL(NextToken, string),
};
static const struct shape describe_alarms_input = STRUCTURE(describe_alarms_input_members);

static const struct shape_member metric_alarm_members[] = {
    OPTIONAL(AlarmName, string), OPTIONAL(AlarmArn, string), OPTIONAL(AlarmDescription, string),
    OPTIONAL(AlarmConfigurationUpdatedTimestamp, timestamp), OPTIONAL(ActionsEnabled, boolean),
    OPTIONAL(OKActions, list_of_string), OPTIONAL(AlarmActions, list_of_string),
    OPTIONAL(InsufficientDataActions, list_of_string), OPTIONAL(StateValue, string), OPTIONAL(StateReason, string),
    OPTIONAL(StateReasonData, string), OPTIONAL(StateUpdatedTimestamp, timestamp), OPTIONAL(MetricName, string),
    OPTIONAL(Namespace, string), OPTIONAL(Statistic, string), OPTIONAL(ExtendedStatistic, string),
    OPTIONAL(Dimensions, list_of_dimension), OPTIONAL(Period, integer), OPTIONAL(Unit, string),
    OPTIONAL(EvaluationPeriods, integer), OPTIONAL(DatapointsToAlarm, integer), OPTIONAL(Threshold, number),
    OPTIONAL(ComparisonOperator, string), OPTIONAL(TreatMissingData, string),
    OPTIONAL(EvaluateLowSampleCountPercentile, string), OPTIONAL(Metrics, list_of_metric_data_query),
    OPTIONAL(ThresholdMetricId, string), OPTIONAL(EvaluationState, string),
    OPTIONAL(StateTransitionedTimestamp, timestamp), OPTIONAL(EvaluationWindow, any),
    OPTIONAL(WarmUpConfiguration, any), OPTIONAL(EvaluationCriteria, any), OPTIONAL(EvaluationInterval, integer),
    OPTIONAL(ActionConfiguration, action_configuration),
};
static const struct shape metric_alarm = STRUCTURE(metric_alarm_members);
static const struct shape list_of_metric_alarm = LIST_OF(metric_alarm);

static const struct shape_member describe_alarms_output_members[] = {
    OPTIONAL(CompositeAlarms, any), OPTIONAL(MetricAlarms, list_of_metric_alarm), OPTIONAL(LogAlarms, any),
    OPTIONAL(NextToken, string),
};
static const struct shape describe_alarms_output = STRUCTURE(describe_alarms_output_members);

static const struct shape_member describe_alarms_for_metric_input_members[] = {
    REQUIRED(MetricName, string), REQUIRED(Namespace, string), OPTIONAL(Statistic, string),
    OPTIONAL(ExtendedStatistic, string), OPTIONAL(Dimensions, list_of_dimension), OPTIONAL(Period, integer),
    OPTIONAL(Unit, string),
};
static const struct shape describe_alarms_for_metric_input = STRUCTURE(describe_alarms_for_metric_input_members);

static const struct shape_member describe_alarms_for_metric_output_members[] = {
    OPTIONAL(MetricAlarms, list_of_metric_alarm),
};
static const struct shape describe_alarms_for_metric_output = STRUCTURE(describe_alarms_for_metric_output_members);

static const struct shape_member describe_alarm_history_input_members[] = {
    OPTIONAL(AlarmName, string), OPTIONAL(AlarmContributorId, string), OPTIONAL(AlarmTypes, list_of_string),
    OPTIONAL(HistoryItemType, string), OPTIONAL(StartDate, timestamp), OPTIONAL(EndDate, timestamp),
    OPTIONAL(MaxRecords, integer), OPTIONAL(NextToken, string), OPTIONAL(ScanBy, string),
};
static const struct shape describe_alarm_history_input = STRUCTURE(describe_alarm_history_input_members);

static const struct shape_member alarm_history_item_members[] = {
    OPTIONAL(AlarmName, string), OPTIONAL(AlarmContributorId, string), OPTIONAL(AlarmType, string),
    OPTIONAL(Timestamp, timestamp), OPTIONAL(HistoryItemType, string), OPTIONAL(HistorySummary, string),
    OPTIONAL(HistoryData, string), OPTIONAL(AlarmContributorAttributes, any),
};
static const struct shape alarm_history_item = STRUCTURE(alarm_history_item_members);
static const struct shape list_of_alarm_history_item = LIST_OF(alarm_history_item);

static const struct shape_member describe_alarm_history_output_members[] = {
    OPTIONAL(AlarmHistoryItems, list_of_alarm_history_item), OPTIONAL(NextToken, string),
};
static const struct shape describe_alarm_history_output = STRUCTURE(describe_alarm_history_output_members);

static const struct shape_member set_alarm_state_input_members[] = {
    REQUIRED(AlarmName, string), REQUIRED(StateValue, string), REQUIRED(StateReason, string),
    OPTIONAL(StateReasonData, string),
};
static const struct shape set_alarm_state_input = STRUCTURE(set_alarm_state_input_members);

static const struct shape_member delete_alarms_input_members[] = {
    REQUIRED(AlarmNames, list_of_string),
};
static const struct shape delete_alarms_input = STRUCTURE(delete_alarms_input_members);

static const struct shape_member enable_alarm_actions_input_members[] = {
    REQUIRED(AlarmNames, list_of_string),
};
static const struct shape enable_alarm_actions_input = STRUCTURE(enable_alarm_actions_input_members);

static const struct shape_member disable_alarm_actions_input_members[] = {
    REQUIRED(AlarmNames, list_of_string),
};
static const struct shape disable_alarm_actions_input = STRUCTURE(disable_alarm_actions_input_members);

static const struct shape_member put_dashboard_input_members[] = {
    REQUIRED(DashboardName, string), REQUIRED(DashboardBody, string), OPTIONAL(Tags, list_of_tag),
};
static const struct shape put_dashboard_input = STRUCTURE(put_dashboard_input_members);

static const struct shape_member dashboard_validation_message_members[] = {
    OPTIONAL(DataPath, string), OPTIONAL(Message, string),
};
static const struct shape dashboard_validation_message = STRUCTURE(dashboard_validation_message_members);
static const struct shape list_of_dashboard_validation_message = LIST_OF(dashboard_validation_message);

static const struct shape_member put_dashboard_output_members[] = {
    OPTIONAL(DashboardValidationMessages, list_of_dashboard_validation_message),
};
static const struct shape put_dashboard_output = STRUCTURE(put_dashboard_output_members);

static const struct shape_member get_dashboard_input_members[] = {
    REQUIRED(DashboardName, string),
};
static const struct shape get_dashboard_input = STRUCTURE(get_dashboard_input_members);

static const struct shape_member get_dashboard_output_members[] = {
    OPTIONAL(DashboardArn, string), OPTIONAL(DashboardBody, string), OPTIONAL(DashboardName, string),
};
static const struct shape get_dashboard_output = STRUCTURE(get_dashboard_output_members);

static const struct shape_member list_dashboards_input_members[] = {
    OPTIONAL(DashboardNamePrefix, string), OPTIONAL(NextToken, string),
};
static const struct shape list_dashboards_input = STRUCTURE(list_dashboards_input_members);

static const struct shape_member dashboard_entry_members[] = {
    OPTIONAL(DashboardName, string), OPTIONAL(DashboardArn, string), OPTIONAL(LastModified, timestamp),
    OPTIONAL(Size, integer),
};
static const struct shape dashboard_entry = STRUCTURE(dashboard_entry_members);
static const struct shape list_of_dashboard_entry = LIST_OF(dashboard_entry);

static const struct shape_member list_dashboards_output_members[] = {
    OPTIONAL(DashboardEntries, list_of_dashboard_entry), OPTIONAL(NextToken, string),
};
static const struct shape list_dashboards_output = STRUCTURE(list_dashboards_output_members);

static const struct shape_member delete_dashboards_input_members[] = {
    REQUIRED(DashboardNames, list_of_string),
};
static const struct shape delete_dashboards_input = STRUCTURE(delete_dashboards_input_members);

static const struct shape_member tag_resource_input_members[] = {
    REQUIRED(ResourceARN, string), REQUIRED(Tags, list_of_tag),
};
static const struct shape tag_resource_input = STRUCTURE(tag_resource_input_members);

static const struct shape_member untag_resource_input_members[] = {
    REQUIRED(ResourceARN, string), REQUIRED(TagKeys, list_of_string),
};
static const struct shape untag_resource_input = STRUCTURE(untag_resource_input_members);

static const struct shape_member list_tags_for_resource_input_members[] = {
    REQUIRED(ResourceARN, string),
};
static const struct shape list_tags_for_resource_input = STRUCTURE(list_tags_for_resource_input_members);

static const struct shape_member list_tags_for_resource_output_members[] = {
    OPTIONAL(Tags, list_of_tag),
};
static const struct shape list_tags_for_resource_output = STRUCTURE(list_tags_for_resource_output_members);


/* --- operations ------------------------------------------------------------------------------------- */

const struct monitoring_operation monitoring_operations[] = {
    {"GetMetricData", monitoring_get_metric_data, &get_metric_data_input, &get_metric_data_output, false},
    {"GetMetricStatistics", monitoring_get_metric_statistics, &get_metric_statistics_input,
     &get_metric_statistics_output, false},
    {"ListMetrics", monitoring_list_metrics, &list_metrics_input, &list_metrics_output, false},
    {"PutMetricData", monitoring_put_metric_data, &put_metric_data_input, NULL, true},
    {"PutMetricAlarm", monitoring_put_metric_alarm, &put_metric_alarm_input, NULL, true},
    {"DescribeAlarms", monitoring_describe_alarms, &describe_alarms_input, &describe_alarms_output, false},
    {"DescribeAlarmsForMetric", monitoring_describe_alarms_for_metric, &describe_alarms_for_metric_input,
     &describe_alarms_for_metric_output, false},
    {"DescribeAlarmHistory", monitoring_describe_alarm_history, &describe_alarm_history_input,
     &describe_alarm_history_output, false},
    {"SetAlarmState", monitoring_set_alarm_state, &set_alarm_state_input, NULL, true},
    {"DeleteAlarms", monitoring_delete_alarms, &delete_alarms_input, NULL, true},
    {"EnableAlarmActions", monitoring_enable_alarm_actions, &enable_alarm_actions_input, NULL, true},
    {"DisableAlarmActions", monitoring_disable_alarm_actions, &disable_alarm_actions_input, NULL, true},
    {"PutDashboard", monitoring_put_dashboard, &put_dashboard_input, &put_dashboard_output, true},
    {"GetDashboard", monitoring_get_dashboard, &get_dashboard_input, &get_dashboard_output, false},
    {"ListDashboards", monitoring_list_dashboards, &list_dashboards_input, &list_dashboards_output, false},
    {"DeleteDashboards", monitoring_delete_dashboards, &delete_dashboards_input, &nothing, true},
    {"TagResource", monitoring_tag_resource, &tag_resource_input, &nothing, true},
    {"UntagResource", monitoring_untag_resource, &untag_resource_input, &nothing, true},
    {"ListTagsForResource", monitoring_list_tags, &list_tags_for_resource_input, &list_tags_for_resource_output, false},
};
const size_t monitoring_operation_count = sizeof(monitoring_operations) / sizeof(monitoring_operations[0]);

const struct monitoring_operation *monitoring_operation_find(struct str name)
{
    for (size_t i = 0; i < monitoring_operation_count; i++)
        if (str_eq(name, str_of(monitoring_operations[i].name)))
            return &monitoring_operations[i];
    return NULL;
}
