package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/dynamolocal/testtable"
)

func TestAKilobyteBySizeOfIsAKilobyteToDynamoDB(t *testing.T) {
	client, table := testtable.New(t)
	item := map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "P"}, "sk": &types.AttributeValueMemberS{Value: "S"},
		"n": &types.AttributeValueMemberN{Value: "12345"}, "b": &types.AttributeValueMemberBOOL{Value: true},
		"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{
			&types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"qty": &types.AttributeValueMemberN{Value: "2"}}},
		}},
		"text": &types.AttributeValueMemberS{},
	}
	units := func(size int) float64 {
		item["text"] = &types.AttributeValueMemberS{}
		item["text"] = &types.AttributeValueMemberS{Value: strings.Repeat("x", size-sizeOf(item))}
		out, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: item, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToFloat64(out.ConsumedCapacity.CapacityUnits)
	}
	if at, above := units(1024), units(1025); at != 1 || above != 2 {
		t.Errorf("1,024 bytes cost %g units and 1,025 %g, want 1 and 2", at, above)
	}
}
