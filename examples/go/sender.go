package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Config says where a Sender delivers to, and within which limits. Sizes are bytes of UTF-8.
type Config struct {
	URL   string `json:"url"` // the run's whole ingest URL
	Token string `json:"token"`

	MaxBufferedEvents int `json:"max_buffered_events"`
	MaxBufferedBytes  int `json:"max_buffered_bytes"`
	MaxWindowEvents   int `json:"max_window_events"`
	MaxWindowBytes    int `json:"max_window_bytes"`
	MaxEventBytes     int `json:"max_event_bytes"` // of a line, {"seq":N,"event":…}

	FlushDelay     time.Duration `json:"-"` // how long an event that comes to an idle sender waits for company
	RetryDelay     time.Duration `json:"-"` // after the first failure; it doubles with each that follows
	MaxRetryDelay  time.Duration `json:"-"`
	SettleDelay    time.Duration `json:"-"` // how far apart two answers about where the backend stands are, and agree
	RequestTimeout time.Duration `json:"-"` // of a whole request, from connecting to the end of the answer
}

// Outcome is what Enqueue says of an event.
type Outcome string

const (
	Accepted       Outcome = "accepted"
	Full           Outcome = "full"
	Oversized      Outcome = "oversized"
	Unserializable Outcome = "unserializable"
	Closed         Outcome = "closed"
)

// Report says what became of the events that Enqueue accepted. Dropped counts those given up, by reason.
type Report struct {
	Delivered   int            `json:"delivered"`
	Undelivered int            `json:"undelivered"`
	Dropped     map[string]int `json:"dropped"`
	Completed   bool           `json:"completed"`
}

// Sender delivers the events of one run, in order and once each. One goroutine does everything that touches the
// network, one request after another, so that there is never more than one window in flight.
//
// The i-th held event is number base+1+i. Only an answer that says where the backend stands changes base: an event
// that may have been taken keeps its number until the backend has said otherwise.
type Sender struct {
	cfg       Config
	transport *http.Transport
	abort     context.CancelFunc // ends the goroutine, whatever it is at
	wake      chan struct{}      // holds a token once there is something new
	stopping  chan struct{}      // closed by the first Stop
	done      chan struct{}      // closed when the goroutine has ended
	once      sync.Once

	mu         sync.Mutex // guards what callers and the goroutine share; never held over I/O
	held       buffer
	base       int64 // written by the goroutine alone, which therefore reads it without the lock
	closed     bool
	completing bool
	report     Report

	// What only the goroutine knows.
	synced    bool
	unsettled bool  // lines may still be being taken, so that one answer about where the backend stands isn't enough
	lastSeen  int64 // what the last answer said meanwhile
	lowered   bool  // a success named a number below base; the next is believed
	doubt     int64 // the highest number that may have been taken without our having been told
	alone     bool  // the oldest event goes out alone, since a window with it was refused
	suspected int   // how many events were in a refused window, until it is known how far it got
	refusals  int   // of the oldest event, alone
	failures  int   // since a window was last taken
	over      bool
}

// New starts a Sender. It makes no request before there is an event, or Stop is called.
func New(cfg Config) (*Sender, error) {
	if _, err := url.ParseRequestURI(cfg.URL); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	// An event larger than a window could never go out.
	cfg.MaxEventBytes = min(cfg.MaxEventBytes, cfg.MaxWindowBytes)
	ctx, cancel := context.WithCancel(context.Background())
	s := &Sender{
		cfg:       cfg,
		transport: newTransport(cfg.RequestTimeout),
		abort:     cancel,
		wake:      make(chan struct{}, 1),
		stopping:  make(chan struct{}),
		done:      make(chan struct{}),
		report:    Report{Dropped: map[string]int{}},
	}
	go s.run(ctx)
	return s, nil
}

// Enqueue takes events, as they are now, or says why not: a word for each. It never waits for the network.
//
// Events of one call are taken together, so that no window goes out with a part of them while the rest is still being
// serialized. An idle sender is quicker than a caller that enqueues a burst one by one.
func (s *Sender) Enqueue(events ...any) []Outcome {
	// Before the lock: a MarshalJSON of the caller's may take its time, or enqueue something itself.
	payloads := make([][]byte, len(events))
	for i, event := range events {
		payloads[i], _ = encode(event) // nil is refused below, in its turn
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	outcomes := make([]Outcome, len(events))
	for i, payload := range payloads {
		outcomes[i] = s.take(payload)
	}
	select {
	case s.wake <- struct{}{}:
	default: // it has not even noticed the last one
	}
	return outcomes
}

// take adds an event to those held, or says why not; s.mu is held.
func (s *Sender) take(payload []byte) Outcome {
	switch {
	case s.closed:
		return Closed
	case payload == nil:
		return Unserializable
	case lineSize(s.base+int64(len(s.held.events))+1, payload) > s.cfg.MaxEventBytes:
		return Oversized
	case len(s.held.events) >= s.cfg.MaxBufferedEvents, s.held.bytes+len(payload) > s.cfg.MaxBufferedBytes:
		return Full
	}
	s.held.add(payload)
	return Accepted
}

// Stop delivers what is held, completes the run if asked to, and returns within timeout; nothing is sent after that.
// The first call decides, and all callers get the same report. It takes no context, since the drain is shared: a
// caller that loses patience must not cut it short for the others.
func (s *Sender) Stop(timeout time.Duration, complete bool) Report {
	s.drain(timeout, complete)
	<-s.done
	return s.report
}

// drain begins what Stop waits for, unless it has begun.
func (s *Sender) drain(timeout time.Duration, complete bool) {
	s.once.Do(func() {
		s.mu.Lock()
		s.closed, s.completing = true, complete
		s.mu.Unlock()
		time.AfterFunc(timeout, s.abort)
		close(s.stopping)
	})
}

func (s *Sender) run(ctx context.Context) {
	defer close(s.done)
	for ctx.Err() == nil && !s.over {
		s.step(ctx)
	}
	s.abort()
	s.transport.CloseIdleConnections()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.report.Undelivered = len(s.held.events)
}

func (s *Sender) step(ctx context.Context) {
	s.mu.Lock()
	isEmpty, closed, completing := len(s.held.events) == 0, s.closed, s.completing
	s.mu.Unlock()
	switch {
	case isEmpty && !closed:
		s.idle()
	case isEmpty && !completing:
		s.over = true
	case !s.synced:
		s.sync(ctx)
	case !isEmpty:
		s.send(ctx)
	default:
		s.finish(ctx)
	}
}

// idle waits for an event, and then for its company. A token that is left over from events that have gone out
// meanwhile costs a turn, and no request.
func (s *Sender) idle() {
	select {
	case <-s.wake:
	case <-s.stopping:
		return
	}
	sleep(s.cfg.FlushDelay, s.stopping)
}

// sync asks where the backend stands.
func (s *Sender) sync(ctx context.Context) {
	ans := s.post(ctx, nil)
	switch {
	case ans.isFinal():
		s.over = true
	case !ans.isSuccess():
		s.lastSeen = unsaid
		s.pause(ctx, ans)
	case ans.last < s.base && !s.lowered:
		s.lowered = true // maybe a replica that lags behind: ask again before what was delivered gets new numbers
		s.pause(ctx, ans)
	case !s.standsStill(ans.last):
		sleep(s.cfg.SettleDelay, ctx.Done())
	case s.suspected > 0:
		s.judgeRefusal(ans.last)
	default:
		s.told(ans.last)
	}
}

// standsStill says whether the backend takes nothing more of what was sent: it says the same twice, or has it all. One
// that goes on with a request whose client is gone tells a number that is still rising, and takes what is sent from
// there twice.
func (s *Sender) standsStill(last int64) bool {
	isSettled := !s.unsettled || last == s.lastSeen || last >= s.doubt
	s.lastSeen = last
	return isSettled
}

// send sends a window, and heeds what is said to it.
func (s *Sender) send(ctx context.Context) {
	limit := s.cfg.MaxWindowEvents
	if s.alone {
		limit = 1
	}
	s.mu.Lock()
	body, count := s.held.window(s.base, limit, s.cfg.MaxWindowBytes)
	s.mu.Unlock()
	base, highest := s.base, s.base+int64(count)
	ans := s.post(ctx, body)
	if ans.isConflict() {
		// This window was not taken, but an earlier attempt at it may have been while it was on its way.
		if base < ans.last && ans.last <= highest {
			s.doubt = max(s.doubt, ans.last)
		}
	} else {
		s.doubt = max(s.doubt, highest)
	}
	switch {
	case ans.isFinal(), ans.isConflict() && ans.last == base: // a 409 that asks for just what it got: closed to us
		s.over = true
		return
	case ans.isConflict():
		s.told(ans.last)
	case ans.status == http.StatusBadRequest, ans.status == http.StatusRequestEntityTooLarge:
		s.suspected = count
		if ans.last >= 0 {
			s.judgeRefusal(ans.last)
		} else {
			s.synced = false
		}
	case ans.isSuccess() && ans.last < base:
		s.synced, s.lowered = false, true
	case ans.isSuccess() && s.told(ans.last) > 0:
		s.failures, s.alone = 0, false
		return
	case ans.isUnclear():
		s.synced, s.unsettled, s.lastSeen = false, true, unsaid
	}
	s.pause(ctx, ans) // and then, if a clear answer said nothing of the window, the same goes out again
}

// judgeRefusal heeds how far a refused window got. Where nothing of it was taken, its oldest event goes out alone
// next, and is dropped when it was refused alone twice: once may have been somebody else's fault.
func (s *Sender) judgeRefusal(last int64) {
	count := s.suspected
	s.suspected = 0
	if s.told(last) > 0 {
		return
	}
	s.alone = true
	if count == 1 {
		s.refusals++
	}
	if s.refusals > 1 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held.discard(1)
		s.report.Dropped["refused"]++
		s.alone, s.doubt, s.refusals = false, 0, 0
	}
}

// told notes where the backend stands, and gives how many events are delivered by that: those that went out under
// numbers up to there. A number beyond them is another writer's, and what is held follows it.
func (s *Sender) told(last int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := max(min(last, s.doubt)-s.base, 0)
	s.held.discard(int(taken))
	s.report.Delivered += int(taken)
	if taken > 0 {
		s.refusals = 0
	}
	hasMoved := last != s.base+taken
	s.base, s.doubt, s.synced, s.unsettled, s.lowered = last, 0, true, false, false
	if hasMoved {
		if outgrown := s.held.dropOutgrown(last, s.cfg.MaxEventBytes); outgrown > 0 {
			s.report.Dropped["oversized"] += outgrown
		}
	}
	return int(taken)
}

// finish completes the run.
func (s *Sender) finish(ctx context.Context) {
	ans := s.post(ctx, fmt.Appendf(nil, `{"type":"_posthog/stream_complete","final_seq":%d}`, s.base))
	switch {
	case ans.isFinal(), ans.isConflict() && ans.last == s.base:
		s.over = true
		return
	case ans.isConflict():
		s.told(ans.last)
	case ans.isSuccess():
		s.report.Completed, s.over = true, true
		return
	}
	s.pause(ctx, ans)
}

// pause waits before the next attempt: longer each time, up to a cap, and never the same as other senders do.
func (s *Sender) pause(ctx context.Context, ans answer) {
	s.failures++
	delay := s.cfg.RetryDelay
	for i := 1; i < s.failures && delay < s.cfg.MaxRetryDelay; i++ {
		delay *= 2
	}
	delay = time.Duration(float64(min(delay, s.cfg.MaxRetryDelay)) * (0.5 + rand.Float64()/2))
	sleep(max(delay, ans.retryAfter), ctx.Done())
}

func sleep(duration time.Duration, cancelled <-chan struct{}) {
	timer := time.NewTimer(duration)
	defer timer.Stop() // it may be a day's
	select {
	case <-timer.C:
	case <-cancelled:
	}
}
