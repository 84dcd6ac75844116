package dynamolocal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"waybill/infra/template"
)

var smallTable = template.TableDefinition{
	Attributes: []template.Attribute{{Name: "pk", Type: "S"}},
	Key:        template.Key{Hash: "pk"},
}

const tableName = "items"

func home(t *testing.T) string {
	t.Helper()
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(filepath.Dir(path), ".local", "dynamodb")
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	opts.Home = home(t)
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func awaitEnd(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s still runs", what)
	}
}

func TestConfirmedWritesSurviveTheKillOfTheServer(t *testing.T) {
	const writers, rounds, perRound = 4, 3, 100
	data := t.TempDir()
	var mu sync.Mutex
	confirmed := map[string]bool{}
	for round := range rounds {
		s := start(t, Options{DataDir: data})
		client := NewClient(s.Endpoint(), Durable(nil))
		if err := CreateTable(t.Context(), client, smallTable, tableName); err != nil {
			t.Fatal(err)
		}
		// Writes go on while the server is killed, so that the last ones
		// confirmed are as fresh as can be.
		ctx, cancel := context.WithCancel(t.Context())
		enough := make(chan struct{})
		landed := 0
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					id := fmt.Sprintf("%d-%d-%d", round, w, i)
					_, err := client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
						TransactItems: []types.TransactWriteItem{put(id), put(id + "-twin")},
					})
					if err != nil {
						return
					}
					mu.Lock()
					confirmed[id], confirmed[id+"-twin"] = true, true
					if landed++; landed == perRound {
						close(enough)
					}
					mu.Unlock()
				}
			})
		}
		awaitEnd(t, "the writing of the first items", enough)
		if err := s.process.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		awaitEnd(t, "the killed server", s.Done())
		cancel()
		wg.Wait()
		s.Stop()
	}

	s := start(t, Options{DataDir: data})
	client := NewClient(s.Endpoint(), nil)
	for id := range confirmed {
		if !holds(t, client, id) {
			t.Errorf("item %s was confirmed and is lost", id)
		}
	}
}

func put(id string) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{TableName: aws.String(tableName), Item: key(id)}}
}

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: id}}
}

func holds(t *testing.T, client *dynamodb.Client, id string) bool {
	t.Helper()
	out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(tableName), Key: key(id), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item != nil
}

func TestFreshStartsEmpty(t *testing.T) {
	data := t.TempDir()
	s := start(t, Options{DataDir: data})
	if err := CreateTable(t.Context(), NewClient(s.Endpoint(), nil), smallTable, tableName); err != nil {
		t.Fatal(err)
	}
	s.Stop()

	s = start(t, Options{DataDir: data, Fresh: true})
	out, err := NewClient(s.Endpoint(), nil).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.TableNames) != 0 {
		t.Errorf("tables %v, want none", out.TableNames)
	}
}

func TestServerLeftRunningIsStoppedByTheNextStart(t *testing.T) {
	data := t.TempDir()
	orphan := start(t, Options{DataDir: data})
	// What kill -9 of both this process and the guard would leave: the server
	// and its note, but no lock.
	if err := orphan.process.guard.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	orphan.data.lock.Close()

	next := start(t, Options{DataDir: data})
	awaitEnd(t, "the orphan", orphan.Done())
	select {
	case <-next.Done():
		t.Error("the new server is gone too")
	default:
	}
}

func TestProcessThatGotTheIDOfAnOldServerIsLeftAlone(t *testing.T) {
	data := t.TempDir()
	bystander := exec.Command("sleep", "600")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = bystander.Process.Kill()
		_ = bystander.Wait()
	}()
	note := fmt.Sprintf(`{"pid": %d, "port": 1, "data": %q}`, bystander.Process.Pid, data)
	if err := os.WriteFile(filepath.Join(data, runFile), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := openDataDir(data, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the bystander is gone: %v", err)
	}
}

func TestDataInUseIsRefused(t *testing.T) {
	data := t.TempDir()
	s := start(t, Options{DataDir: data})
	_, err := Start(t.Context(), Options{Home: home(t), DataDir: data, Fresh: true})
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("a second server on the data: %v, want %v", err, ErrInUse)
	}
	if _, err := NewClient(s.Endpoint(), nil).ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil {
		t.Errorf("the first server suffered: %v", err)
	}
}

// asVictim makes the test binary start a server and wait to be killed.
const asVictim = "WAYBILL_TEST_VICTIM"

func TestServerDiesWithTheProcessThatStartedIt(t *testing.T) {
	if os.Getenv(asVictim) != "" {
		s := start(t, Options{})
		fmt.Printf("server %d\n", s.process.pid())
		<-s.Done()
		return
	}
	victim := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	victim.Env = append(os.Environ(), asVictim+"=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "server "))
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		poll := time.NewTicker(pollEvery)
		defer poll.Stop()
		for alive(pid) && t.Context().Err() == nil {
			<-poll.C
		}
	}()
	awaitEnd(t, "the server of the killed process", gone)
}

// alive reports whether the process runs; one that is dead and merely not
// reaped by its new parent doesn't.
func alive(pid int) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(string(state), "Z")
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	if _, err := Start(t.Context(), Options{Home: t.TempDir()}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("without DynamoDB Local: %v, want %v", err, ErrNotInstalled)
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	if _, err := Start(t.Context(), Options{Home: home(t)}); !errors.Is(err, ErrNoJava) {
		t.Errorf("without Java: %v, want %v", err, ErrNoJava)
	}
}

func TestUnusableJavaIsExplained(t *testing.T) {
	tests := map[string]struct {
		says string
		want string
	}{
		"too old":       {"Exception: java.lang.UnsupportedClassVersionError: x", "Java 17"},
		"macOS's dummy": {"Unable to locate a Java Runtime.", "Java 17"},
		"anything else": {"first\nlast words", "last words"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
				t.Fatal(err)
			}
			script := fmt.Sprintf("#!/bin/sh\ncat <<END\n%s\nEND\nexit 1\n", tt.says)
			if err := os.WriteFile(filepath.Join(dir, "bin", "java"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("JAVA_HOME", dir)
			_, err := Start(t.Context(), Options{Home: home(t)})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

func TestStopOfAStoppedServerDoesNothing(t *testing.T) {
	s := start(t, Options{})
	s.Stop()
	awaitEnd(t, "the stopped server", s.Done())
	s.Stop()
}

func TestTableIsAsTheTemplateSays(t *testing.T) {
	path, err := template.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	def := tmpl.Table()
	client := NewClient(start(t, Options{}).Endpoint(), nil)
	for range 2 { // the second time it is there already
		if err := CreateTable(t.Context(), client, def, tableName); err != nil {
			t.Fatal(err)
		}
	}
	made, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(tableName)})
	if err != nil {
		t.Fatal(err)
	}
	if !matches(made.Table, def) {
		t.Errorf("made %+v, want %+v", made.Table, def)
	}
	if s := made.Table.StreamSpecification; s == nil || string(s.StreamViewType) != def.Stream {
		t.Errorf("stream %+v, want %s", s, def.Stream)
	}
	expiry, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(tableName)})
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(expiry.TimeToLiveDescription.AttributeName); got != def.Expiry {
		t.Errorf("time to live by %q, want %q", got, def.Expiry)
	}
	if err := CreateTable(t.Context(), client, smallTable, tableName); !errors.Is(err, ErrOtherTable) {
		t.Errorf("another definition for the same table: %v, want %v", err, ErrOtherTable)
	}
}
