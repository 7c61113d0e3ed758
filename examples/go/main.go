// The example is a sender (sender.go, post.go) and, here, its adapter: JSON lines on standard input and output, by
// which `sendproof check --command` drives it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"sync"
	"time"
)

type request struct {
	ID         int64    `json:"id"`
	Type       string   `json:"type"`
	Protocol   int      `json:"protocol"`
	Sender     int      `json:"sender"`
	Settings   settings `json:"settings"`
	Events     []any    `json:"events"`
	DeadlineMS float64  `json:"deadline_ms"`
	Complete   bool     `json:"complete"`
}

// settings has times in milliseconds, and knows the rest by the names of Config.
type settings struct {
	Config
	FlushDelayMS     float64 `json:"flush_delay_ms"`
	RetryDelayMS     float64 `json:"retry_delay_ms"`
	MaxRetryDelayMS  float64 `json:"max_retry_delay_ms"`
	SettleDelayMS    float64 `json:"settle_delay_ms"`
	RequestTimeoutMS float64 `json:"request_timeout_ms"`
}

func main() {
	in := json.NewDecoder(os.Stdin)
	in.UseNumber() // an integer past 2^53 would come out of a float64 as another
	var out sync.Mutex
	var stops sync.WaitGroup
	answers := json.NewEncoder(os.Stdout)
	senders := map[int]*Sender{}
	for {
		var req request
		if err := in.Decode(&req); errors.Is(err, io.EOF) {
			stops.Wait() // so that a session from a file sees its end
			return
		} else if err != nil {
			log.Fatalf("can't read a request: %v", err) // nor any after it
		}
		reply := func(fields map[string]any, err error) {
			if err != nil {
				fields = map[string]any{"error": err.Error()}
			}
			fields["id"] = req.ID
			out.Lock()
			defer out.Unlock()
			if err := answers.Encode(fields); err != nil {
				log.Fatalf("can't answer: %v", err)
			}
		}
		if sender := senders[req.Sender]; req.Type == "stop" && sender != nil {
			// It may take seconds, and other requests go on meanwhile. It begins here, so that of two stops the first
			// decides, and what is enqueued after it is refused.
			timeout := milliseconds(req.DeadlineMS)
			sender.drain(timeout, req.Complete)
			stops.Add(1)
			go func() {
				defer stops.Done()
				reply(map[string]any{"report": sender.Stop(timeout, req.Complete)}, nil)
			}()
			continue
		}
		reply(answerTo(req, senders))
		if req.Type == "exit" {
			return
		}
	}
}

// answerTo does what can be done at once. Enqueue never blocks, so it is done here too, which keeps the order.
func answerTo(req request, senders map[int]*Sender) (map[string]any, error) {
	sender := senders[req.Sender]
	switch req.Type {
	case "hello":
		if req.Protocol != 1 {
			return nil, fmt.Errorf("protocol %d is not spoken here, only 1", req.Protocol)
		}
		return map[string]any{
			"protocol": 1, "name": "go-example", "version": "1.0.0", "language": runtime.Version(),
			"capabilities": []string{"drain-report", "handoff", "big-integers", "unserializable"},
		}, nil
	case "open":
		var err error
		senders[req.Sender], err = New(req.Settings.config())
		return map[string]any{}, err
	case "exit":
		return map[string]any{}, nil
	}
	if sender == nil {
		return nil, fmt.Errorf("can't do %q with sender %d, which is not open", req.Type, req.Sender)
	}
	switch req.Type {
	case "enqueue":
		return map[string]any{"outcomes": sender.Enqueue(req.Events...)}, nil
	case "enqueue-unserializable":
		return map[string]any{"outcomes": sender.Enqueue(map[string]any{"n": make(chan int)})}, nil
	}
	return nil, fmt.Errorf("unknown request %q", req.Type)
}

func (s settings) config() Config {
	cfg := s.Config
	cfg.FlushDelay = milliseconds(s.FlushDelayMS)
	cfg.RetryDelay = milliseconds(s.RetryDelayMS)
	cfg.MaxRetryDelay = milliseconds(s.MaxRetryDelayMS)
	cfg.SettleDelay = milliseconds(s.SettleDelayMS)
	cfg.RequestTimeout = milliseconds(s.RequestTimeoutMS)
	return cfg
}

func milliseconds(ms float64) time.Duration {
	return time.Duration(ms * float64(time.Millisecond))
}
