package gateway_test

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"waybill/shared/gateway"
)

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestEverythingWrongWithTheEnvironmentIsSaidAtOnce(t *testing.T) {
	_, err := gateway.ReadEnvironment(environment(map[string]string{"LOG_LEVEL": "LOUD", "OIDC_CLIENT_IDS": " , "}))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, name := range []string{"TABLE_NAME", "OIDC_ISSUER", "OIDC_CLIENT_IDS", "LOG_LEVEL"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}

func TestTheEnvironmentIsRead(t *testing.T) {
	vars := map[string]string{
		"TABLE_NAME": "waybill", "OIDC_ISSUER": "https://issuer.example", "OIDC_CLIENT_IDS": "console, reports ,", "LOG_LEVEL": "WARN",
	}
	got, err := gateway.ReadEnvironment(environment(vars))
	want := gateway.Environment{Table: "waybill", Issuer: "https://issuer.example", ClientIDs: []string{"console", "reports"}, LogLevel: slog.LevelWarn}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	delete(vars, "LOG_LEVEL")
	if got, err := gateway.ReadEnvironment(environment(vars)); err != nil || got.LogLevel != slog.LevelInfo {
		t.Errorf("without a level: %v, %v", got.LogLevel, err)
	}
}

func TestWhatCannotBeOpenedIsSaid(t *testing.T) {
	good := gateway.Environment{Table: "waybill", Issuer: "https://issuer.example", ClientIDs: []string{"console"}}
	region := environment(map[string]string{"AWS_REGION": "eu-central-1"})
	if edge, err := good.Open(region); err != nil || edge.Records == nil || edge.Tokens == nil || edge.Log == nil || edge.Now == nil {
		t.Errorf("%+v, %v", edge, err)
	}
	if _, err := good.Open(environment(nil)); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("without a region: %v", err)
	}
	bad := good
	bad.Issuer = "issuer"
	if _, err := bad.Open(region); err == nil || !strings.Contains(err.Error(), "issuer") {
		t.Errorf("an issuer that is no URL: %v", err)
	}
}
