package contract

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"waybill/infra/template"
)

// A layer is a set of packages and all that they may import beside the
// standard library. Patterns: "shared/order" is that package, "functions/*"
// one below, "infra/..." everything below.
type layer struct {
	name     string
	packages []string
	imports  []string // packages of this module
	modules  []string // outside ones, by prefix of the import path
	reason   string
}

var nouns = []string{
	"shared/access", "shared/attribute", "shared/company", "shared/customer", "shared/event", "shared/money",
	"shared/invoice", "shared/order", "shared/payment", "shared/product", "shared/refusal", "shared/shipment", "shared/stock",
	"shared/deadletter", "shared/notice", "shared/webhook",
}

// The layers from the inside out; a package belongs to the first that names it.
var layers = []layer{
	{
		name:     "nouns",
		packages: nouns,
		imports:  nouns,
		reason:   "the rules of the trade can be read and tested without AWS, HTTP or a database",
	},
	{
		name:     "ids",
		packages: []string{"shared/ident"},
		modules:  []string{"github.com/oklog/ulid/v2"},
		reason:   "one package knows what ids are made of",
	},
	{
		name:     "table",
		packages: []string{"shared/table"},
		imports:  append([]string{"shared/ident"}, nouns...),
		modules:  []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "github.com/oklog/ulid/v2"},
		reason:   "nobody else may write to DynamoDB: every write is one composed transaction",
	},
	{
		name:     "published shape",
		packages: []string{"shared/bulletin"},
		imports:  nouns,
		reason:   "topics, endpoints and the replay show events in one shape",
	},
	{
		name:     "words",
		packages: []string{"shared/wording"},
		imports:  nouns,
		modules:  []string{"github.com/nicksnyder/go-i18n/v2", "golang.org/x/text"},
		reason:   "one package writes to people; what it writes about is told to it",
	},
	{
		name:     "senders",
		packages: []string{"shared/handover", "shared/mail", "shared/topic"},
		imports:  append([]string{"shared/bulletin", "shared/handover"}, nouns...),
		modules:  []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		reason:   "one package for each of SES and SNS, which knows what their answers mean",
	},
	{
		name:     "the way out",
		packages: []string{"shared/outbound"},
		imports:  nouns,
		reason:   "one package posts to addresses that others chose, and guards which they may be",
	},
	{
		name:     "paper",
		packages: []string{"shared/paper"},
		modules:  []string{"codeberg.org/go-pdf/fpdf", "github.com/boombuler/barcode"},
		reason:   "one package draws; what stands on the page is told to it",
	},
	{
		name:     "secrets",
		packages: []string{"shared/secret"},
		imports:  nouns,
		modules:  []string{"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"},
		reason:   "one package asks for secrets, and keeps them to itself",
	},
	{
		name:     "Stripe",
		packages: []string{"shared/stripepay"},
		imports:  append([]string{"shared/secret"}, nouns...),
		modules:  []string{"github.com/stripe/stripe-go/v76"},
		reason:   "one package knows Stripe's words, amounts and errors",
	},
	{
		name:     "contract",
		packages: []string{"shared/api"},
		modules:  []string{"github.com/ogen-go/ogen", "github.com/go-faster/"},
		reason:   "it is generated from openapi.yaml and knows nothing of the program behind it",
	},
	{
		name:     "contract generator",
		packages: []string{"shared/api/lean"},
		imports:  []string{"shared/api"},
		modules:  []string{"github.com/ogen-go/ogen", "github.com/go-faster/", "golang.org/x/tools", "gopkg.in/yaml.v3"},
		reason:   "go generate runs it; no program links it",
	},
	{
		name:     "gateway",
		packages: []string{"shared/gateway"},
		imports:  append([]string{"shared/api", "shared/ident", "shared/table"}, nouns...),
		modules: []string{
			"github.com/aws/aws-lambda-go", "github.com/ogen-go/ogen", "github.com/go-faster/",
			"github.com/golang-jwt/jwt/v5", "github.com/MicahParks/jwkset",
		},
		reason: "HTTP and tokens end here; what the business does is not its affair",
	},
	{
		name:     "consumer",
		packages: []string{"shared/consumer"},
		imports:  []string{"shared/ident", "shared/table"},
		modules:  []string{"github.com/aws/aws-lambda-go"},
		reason:   "it starts what no HTTP request starts, and knows neither HTTP nor tokens nor the business",
	},
	{
		name:     "activities",
		packages: []string{"shared/ordering", "shared/warehouse", "shared/fulfilment", "shared/masterdata", "shared/billing", "shared/invoicing"},
		imports:  append([]string{"shared/ident", "shared/table"}, nouns...),
		reason:   "an activity is one business fact in one transaction; it neither knows HTTP nor calls another activity",
	},
	{
		name:     "activities of telling",
		packages: []string{"shared/announce", "shared/telling", "shared/tracking", "shared/delivery", "shared/recovery", "shared/consent", "shared/feed"},
		imports:  append([]string{"shared/ident", "shared/table", "shared/bulletin", "shared/wording"}, nouns...),
		modules:  []string{"github.com/nyaruka/phonenumbers"},
		reason:   "the same, of what others are told: words and shapes are made by the packages for them",
	},
	{
		name: "functions of streams and schedules",
		packages: []string{
			"functions/stockwatch", "functions/audit", "functions/settle", "functions/sweep", "functions/expire",
			"functions/publish", "functions/notify", "functions/deliver", "functions/collect", "functions/remind",
		},
		imports: append([]string{
			"shared/consumer", "shared/ident", "shared/table", "shared/ordering", "shared/warehouse", "shared/billing", "shared/invoicing",
			"shared/bulletin", "shared/wording", "shared/announce", "shared/telling", "shared/tracking", "shared/delivery", "shared/recovery",
		}, nouns...),
		modules: []string{"github.com/aws/aws-lambda-go/events"},
		reason:  "nobody calls them over HTTP: the gateway and the contract would only make their start longer",
	},
	{
		name:     "what Stripe calls",
		packages: []string{"functions/stripewebhook"},
		imports:  append([]string{"shared/api", "shared/gateway", "shared/billing", "shared/stripepay"}, nouns...),
		reason:   "it takes in what is signed, and serves nobody else",
	},
	{
		name:     "functions",
		packages: []string{"functions/*"},
		imports: append([]string{
			"shared/api", "shared/gateway", "shared/ident", "shared/table", "shared/paper",
			"shared/ordering", "shared/warehouse", "shared/fulfilment", "shared/masterdata", "shared/billing", "shared/invoicing",
			"shared/bulletin", "shared/wording", "shared/telling", "shared/tracking", "shared/delivery", "shared/recovery", "shared/consent", "shared/feed",
		}, nouns...),
		modules: []string{"github.com/ogen-go/ogen", "github.com/go-faster/", "github.com/xuri/excelize/v2"},
		reason:  "what two functions do is an activity; functions never import each other",
	},
	{
		name:     "bootstraps",
		packages: []string{"functions/*/bootstrap"},
		imports:  []string{"functions/*", "shared/..."},
		modules:  []string{"github.com/aws/aws-lambda-go"},
		reason:   "a bootstrap reads its configuration, wires and starts; clients are made by the packages that use them",
	},
	{
		name:     "whole system",
		packages: []string{"infra/local", "infra/local/...", "infra/e2e", "infra/e2e/...", "infra/bench", "infra/bench/..."},
		imports:  []string{"functions/*", "shared/...", "infra/..."},
		modules:  []string{""},
		reason:   "only the local runner, and what tests and measures the whole, sees everything",
	},
	{
		name:     "infrastructure",
		packages: []string{"infra/..."},
		imports:  []string{"shared/...", "infra/..."},
		modules:  []string{""},
		reason:   "a tool that needs the functions asks the local runner for them",
	},
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, "waybill/")
		at := slices.IndexFunc(layers, func(l layer) bool { return matchesAny(l.packages, name) })
		if at < 0 {
			t.Errorf("%s belongs to no layer; name it in the one whose rules it keeps", name)
			continue
		}
		l := layers[at]
		for _, imported := range p.Imports {
			if !l.allows(name, imported) {
				t.Errorf("%s (%s) imports %s: %s", name, l.name, imported, l.reason)
			}
		}
	}
}

func (l layer) allows(from, imported string) bool {
	own, inModule := strings.CutPrefix(imported, "waybill/")
	switch {
	case !strings.Contains(strings.Split(imported, "/")[0], ".") && !inModule:
		return true // the standard library
	case !inModule:
		return slices.ContainsFunc(l.modules, func(prefix string) bool { return strings.HasPrefix(imported, prefix) })
	case path.Base(from) == "bootstrap" && strings.HasPrefix(own, "functions/"):
		return own == path.Dir(from) // its own function only
	default:
		return matchesAny(l.imports, own)
	}
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if below, ok := strings.CutSuffix(pattern, "/..."); ok {
			return name == below || strings.HasPrefix(name, below+"/")
		}
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

// linked lists the modules that each function's program may contain, by what
// they are needed for. Every one of them is paid for at each cold start.
var linked = []struct {
	reason  string
	modules []string
}{
	{"the program", []string{"waybill"}},
	{"Lambda's loop and its events", []string{"github.com/aws/aws-lambda-go"}},
	{"ids", []string{"github.com/oklog/ulid/v2"}},
	{"checking access tokens by the issuer's keys", []string{
		"github.com/golang-jwt/jwt/v5", "github.com/MicahParks/jwkset", "golang.org/x/time",
	}},
	{"DynamoDB, without the SDK's config module: a function's credentials stand in its environment", []string{
		"github.com/aws/aws-sdk-go-v2",
		"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue",
		"github.com/aws/aws-sdk-go-v2/internal/configsources",
		"github.com/aws/aws-sdk-go-v2/internal/endpoints/v2",
		"github.com/aws/aws-sdk-go-v2/service/dynamodb",
		"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams", // attributevalue converts its types
		"github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding",
		"github.com/aws/aws-sdk-go-v2/service/internal/endpoint-discovery",
		"github.com/aws/smithy-go",
	}},
	{"decoding, checking and encoding by the contract, and what ogen's own packages drag in", []string{
		"github.com/ogen-go/ogen",
		"github.com/dlclark/regexp2", "github.com/fatih/color", "github.com/ghodss/yaml", "github.com/go-faster/errors",
		"github.com/go-faster/jx", "github.com/go-faster/yaml", "github.com/google/uuid", "github.com/mattn/go-colorable",
		"github.com/mattn/go-isatty", "github.com/segmentio/asm", "github.com/shopspring/decimal", "go.uber.org/multierr",
		"go.uber.org/zap", "golang.org/x/exp", "golang.org/x/net", "golang.org/x/sync", "golang.org/x/sys",
		"golang.org/x/text", "gopkg.in/yaml.v2",
	}},
}

// linkedBy lists what single functions link beside that.
var linkedBy = map[string][]string{
	"ShipmentsFunction": {"codeberg.org/go-pdf/fpdf", "github.com/boombuler/barcode"}, // it prints delivery notes and pick lists
	"InvoicesFunction": { // it prints invoices, and writes lists of them as sheets
		"codeberg.org/go-pdf/fpdf", "github.com/boombuler/barcode", "github.com/xuri/excelize/v2",
		"github.com/richardlehane/mscfb", "github.com/richardlehane/msoleps", "github.com/tiendc/go-deepcopy", "github.com/xuri/efp", "github.com/xuri/nfp", "golang.org/x/crypto",
	},
	"PaymentsFunction":      stripe,
	"StripewebhookFunction": stripe,
	"SettleFunction":        stripe,
	"SweepFunction":         stripe,
	"ExpireFunction":        stripe,
	"TrackingFunction":      append(words[:len(words):len(words)], stripe...),
	"PublishFunction":       {sns},
	"NotifyFunction":        append(words[:len(words):len(words)], sns, "github.com/aws/aws-sdk-go-v2/service/sesv2", "github.com/aws/aws-sdk-go-v2/internal/v4a", "github.com/nyaruka/phonenumbers", "google.golang.org/protobuf"),
}

// words is what it takes to write to people in their language; sns publishes to topics and sends SMS.
var (
	words = []string{"github.com/nicksnyder/go-i18n/v2"}
	sns   = "github.com/aws/aws-sdk-go-v2/service/sns"
)

// stripe is what it takes to talk to Stripe: its SDK, and the parameters that hold its secrets.
var stripe = []string{"github.com/stripe/stripe-go/v76", "github.com/aws/aws-sdk-go-v2/service/ssm"}

// banned says why, where a module that is near at hand must not be linked.
var banned = map[string]string{
	"github.com/aws/aws-sdk-go-v2/config":      "it links every way to log in to AWS, 3 ms at each start; a function's credentials stand in its environment",
	"github.com/aws/aws-sdk-go-v2/service/sso": "nobody logs in to a function",
	"github.com/stripe/stripe-go/v76":          "only the functions that take payments talk to Stripe",
	"gopkg.in/yaml.v3":                         "the template and the contract are read by tests and tools only",
	"pgregory.net/rapid":                       "it makes test data",
}

// forHTTP says what only functions with a route may link.
var forHTTP = map[string]string{
	"shared/gateway":               "requests, tokens and problem documents are none of its business",
	"shared/api":                   "it implements no operation of the contract",
	"github.com/golang-jwt/jwt/v5": "nobody sends it a token",
	"github.com/ogen-go/ogen/http": "it decodes no request",
	"github.com/MicahParks/jwkset": "nobody sends it a token",
}

func TestEveryFunctionOfTheTemplateLinksOnlyWhatItNeeds(t *testing.T) {
	loaded, err := template.Load(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	for _, need := range linked {
		for _, module := range need.modules {
			allowed[module] = true
		}
	}
	routed := map[string]bool{}
	for _, r := range loaded.Routes() {
		routed[r.Function] = true
	}
	for _, id := range loaded.Functions() {
		name := strings.ToLower(strings.TrimSuffix(id, "Function"))
		t.Run(name, func(t *testing.T) {
			bootstrap := "./functions/" + name + "/bootstrap"
			if _, err := os.Stat(path.Join("../..", bootstrap)); err != nil {
				t.Fatalf("%s of the template has no program: %v", id, err)
			}
			seen := map[string]bool{}
			for _, p := range list(t, "-deps", bootstrap) {
				own := strings.TrimPrefix(p.ImportPath, "waybill/")
				if strings.HasPrefix(own, "infra/") {
					t.Errorf("links %s: nothing in production depends on the tools", own)
				}
				if reason := forHTTP[own]; reason != "" && !routed[id] {
					t.Errorf("links %s, and no HTTP request reaches it: %s", own, reason)
				}
				module := p.Module.Path
				if module == "" || seen[module] {
					continue // the standard library, or said before
				}
				seen[module] = true
				if !allowed[module] && !slices.Contains(linkedBy[id], module) {
					reason := banned[module]
					if reason == "" {
						reason = "every linked module costs cold start; if this one earns it, add it to linked with the reason"
					}
					t.Errorf("links %s (through %s): %s", module, p.ImportPath, reason)
				}
			}
		})
	}
}

// A listed package is what go list -json tells of it.
type listed struct {
	ImportPath string
	Imports    []string
	Module     struct{ Path string }
}

// list runs go list in the module's root, for the platform that Lambda is.
func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-tags=lambda.norpc", "-json=ImportPath,Imports,Module"}, args...)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}
