// The AWS SDK for Go, which speaks RPC v2 CBOR to CloudWatch: what a Grafana data source asks of it (metrics, searches,
// math with labels, alarms and their history for annotations), metrics of one's own, and an alarm that fires.
// Prints one JSON object; FULCRUM_URL says whom to ask.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	chat "github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go"
)

const model = "anthropic.claude-3-5-sonnet-20241022-v2:0"

type program struct {
	ctx    context.Context
	asked  *bedrockruntime.Client
	watch  *cloudwatch.Client
	result map[string]any
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func (p *program) converse() {
	question := []chat.Message{{Role: chat.ConversationRoleUser, Content: []chat.ContentBlock{
		&chat.ContentBlockMemberText{Value: "How do I track my package?"}}}}
	limits := &chat.InferenceConfiguration{MaxTokens: aws.Int32(5), Temperature: aws.Float32(0)}
	reply := must(p.asked.Converse(p.ctx, &bedrockruntime.ConverseInput{
		ModelId: aws.String(model), Messages: question, InferenceConfig: limits}))
	stream := must(p.asked.ConverseStream(p.ctx, &bedrockruntime.ConverseStreamInput{
		ModelId: aws.String(model), Messages: question, InferenceConfig: limits})).GetStream()
	defer stream.Close()
	tokens := int32(0)
	for event := range stream.Events() {
		if last, is := event.(*chat.ConverseStreamOutputMemberMetadata); is {
			tokens = *last.Value.Usage.OutputTokens
		}
	}
	must(0, stream.Err())
	p.result["outputTokens"] = *reply.Usage.OutputTokens + tokens
}

func bedrock(name string) *types.Metric {
	return &types.Metric{Namespace: aws.String("AWS/Bedrock"), MetricName: aws.String(name),
		Dimensions: []types.Dimension{{Name: aws.String("ModelId"), Value: aws.String(model)}}}
}

func query(id, name, stat string, returns bool) types.MetricDataQuery {
	return types.MetricDataQuery{Id: aws.String(id), ReturnData: aws.Bool(returns), MetricStat: &types.MetricStat{
		Metric: bedrock(name), Period: aws.Int32(60), Stat: aws.String(stat)}}
}

func (p *program) data(queries ...types.MetricDataQuery) map[string]float64 {
	sums := map[string]float64{}
	pages := cloudwatch.NewGetMetricDataPaginator(p.watch, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now().Add(2 * time.Minute)),
		ScanBy: types.ScanByTimestampAscending, LabelOptions: &types.LabelOptions{Timezone: aws.String("+0200")},
		MetricDataQueries: queries})
	for pages.HasMorePages() {
		for _, series := range must(pages.NextPage(p.ctx)).MetricDataResults {
			for _, value := range series.Values {
				sums[*series.Id+" "+*series.Label] += value
			}
		}
	}
	return sums
}

func (p *program) metrics() {
	labelled := query("t", "InputTokenCount", "Sum", true)
	labelled.Label = aws.String("${PROP('Dim.ModelId')} ${PROP('MetricName')}")
	for tries := 0; tries < 600 && p.data(query("n", "Invocations", "Sum", true))["n Invocations"] < 2; tries++ {
		time.Sleep(100 * time.Millisecond)
	}
	p.result["data"] = p.data(labelled, query("n", "Invocations", "Sum", false),
		types.MetricDataQuery{Id: aws.String("e"), Expression: aws.String("n * 10"), Label: aws.String("tenfold")},
		types.MetricDataQuery{Id: aws.String("s"), Label: aws.String("found"), Expression: aws.String(
			`SUM(SEARCH('{AWS/Bedrock,ModelId} MetricName="Invocations"', 'Sum', 60))`)})
	names := map[string]bool{}
	pages := cloudwatch.NewListMetricsPaginator(p.watch, &cloudwatch.ListMetricsInput{
		Namespace: aws.String("AWS/Bedrock"), Dimensions: []types.DimensionFilter{{Name: aws.String("ModelId")}}})
	for pages.HasMorePages() {
		for _, metric := range must(pages.NextPage(p.ctx)).Metrics {
			names[*metric.MetricName] = true
		}
	}
	p.result["listed"] = names
}

func (p *program) statistics() {
	must(p.watch.PutMetricData(p.ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("Desk"),
		MetricData: []types.MetricDatum{{MetricName: aws.String("Satisfied"), Unit: types.StandardUnitCount,
			Values: []float64{1, 2, 6}, Counts: []float64{1, 1, 2}}}}))
	for tries := 0; tries < 600; tries++ {
		reply := must(p.watch.GetMetricStatistics(p.ctx, &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("Desk"), MetricName: aws.String("Satisfied"), Period: aws.Int32(3600),
			StartTime: aws.Time(time.Now().Add(-3 * time.Hour)), EndTime: aws.Time(time.Now().Add(time.Hour)),
			Statistics: []types.Statistic{types.StatisticAverage, types.StatisticSampleCount}}))
		if len(reply.Datapoints) > 0 {
			p.result["own"] = []float64{*reply.Datapoints[0].Average, *reply.Datapoints[0].SampleCount}
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *program) alarm() {
	metric := bedrock("Invocations")
	must(p.watch.PutMetricAlarm(p.ctx, &cloudwatch.PutMetricAlarmInput{AlarmName: aws.String("used"),
		Namespace: metric.Namespace, MetricName: metric.MetricName, Dimensions: metric.Dimensions,
		Statistic: types.StatisticSum, Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1000),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: aws.String("notBreaching")}))
	must(p.watch.SetAlarmState(p.ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("used"),
		StateValue: types.StateValueAlarm, StateReason: aws.String("a test")}))
	of := must(p.watch.DescribeAlarmsForMetric(p.ctx, &cloudwatch.DescribeAlarmsForMetricInput{
		Namespace: metric.Namespace, MetricName: metric.MetricName, Dimensions: metric.Dimensions}))
	history := must(p.watch.DescribeAlarmHistory(p.ctx, &cloudwatch.DescribeAlarmHistoryInput{
		AlarmName: aws.String("used"), HistoryItemType: types.HistoryItemTypeStateUpdate}))
	p.result["alarms"] = len(of.MetricAlarms)
	p.result["history"] = *history.AlarmHistoryItems[0].HistorySummary
}

func (p *program) refusal() {
	_, err := p.watch.GetMetricData(p.ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(time.Now().Add(-time.Hour)), EndTime: aws.Time(time.Now()),
		MetricDataQueries: []types.MetricDataQuery{{Id: aws.String("e"), Expression: aws.String("nothing +")}}})
	var refused smithy.APIError
	if errors.As(err, &refused) {
		p.result["refused"] = refused.ErrorCode()
	}
}

func main() {
	url := aws.String(os.Getenv("FULCRUM_URL"))
	keys := credentials.NewStaticCredentialsProvider("AKIDGO", "secret", "")
	p := program{context.Background(),
		bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1", BaseEndpoint: url, Credentials: keys}),
		cloudwatch.New(cloudwatch.Options{Region: "us-east-1", BaseEndpoint: url, Credentials: keys}), map[string]any{}}
	p.converse()
	p.metrics()
	p.statistics()
	p.alarm()
	p.refusal()
	must(0, json.NewEncoder(os.Stdout).Encode(p.result))
}
