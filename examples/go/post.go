package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	longestWait   = 24 * time.Hour // that a Retry-After is heeded for
	longestAnswer = 64 << 10
	unsaid        = -1
)

// answer is what came back: status is 0 where nothing did, last is where the backend stands, or unsaid, and
// isBackendsError is whether it is an error in the backend's own form, and not a proxy's.
type answer struct {
	status          int
	last            int64
	isBackendsError bool
	retryAfter      time.Duration
}

// isFinal says whether the backend will never take anything from us. A proxy that says so may have no backend just now.
func (a answer) isFinal() bool {
	if !a.isBackendsError {
		return false
	}
	switch a.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// isSuccess says whether it is a success of the backend's: one that doesn't say how far it got is a proxy's.
func (a answer) isSuccess() bool { return a.status/100 == 2 && a.last >= 0 }

// isConflict says whether it is a 409 that tells where to go on.
func (a answer) isConflict() bool { return a.status == http.StatusConflict && a.last >= 0 }

// isUnclear says whether nobody knows what became of the request, or whether the backend is still at it.
func (a answer) isUnclear() bool {
	switch a.status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable:
		return false // it is done with it, whatever it took
	}
	return !a.isSuccess() && !a.isConflict()
}

// newTransport makes a transport of a sender's own, so that ending it closes no connection of others.
//
// It speaks HTTP/1.1 alone, as is the default with a dialer of one's own. Over HTTP/2 a timeout gives up a stream,
// and the next attempt would go out on the same stalled connection.
func newTransport(timeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: timeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok {
				// We close a connection when it is idle, or to abandon an attempt. What the kernel has not sent of
				// that must not go out later, when the next attempt is under way or Stop has returned.
				_ = tcp.SetLinger(0) // at worst it is sent
			}
			return conn, err
		},
		// A transport goes on connecting for a request that has timed out; this and the dialer's timeout end it.
		TLSHandshakeTimeout: timeout,
		IdleConnTimeout:     90 * time.Second,
	}
}

// post makes a request of the run, all of it within the request timeout. It gives no error: where no answer came,
// that is the answer, and whether the body was taken is anyone's guess.
func (s *Sender) post(ctx context.Context, body []byte) answer {
	// The context is that of the reading of the body too, so a body that drips ends in time.
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return answer{last: unsaid}
	}
	req.Header.Set("Authorization", "Bearer "+s.cfg.Token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	// The bare transport: a client would follow redirects. It repeats a POST only if nothing of it was written, as
	// when a kept-alive connection turns out to be closed, so no window goes out twice behind our back.
	resp, err := s.transport.RoundTrip(req)
	if err != nil {
		return answer{last: unsaid}
	}
	defer resp.Body.Close()
	ans := answer{status: resp.StatusCode, last: unsaid, retryAfter: readRetryAfter(resp.Header.Get("Retry-After"))}
	// If the body breaks off, the head still counts; a number out of half a body doesn't.
	if text, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer)); err == nil {
		fields := readObject(text)
		ans.last = readLast(fields)
		var words *string
		ans.isBackendsError = json.Unmarshal(fields["error"], &words) == nil && words != nil
	}
	return ans
}

// readObject reads the fields of a JSON object; of anything else there are none.
func readObject(text []byte) map[string]json.RawMessage {
	// Not into a struct, for whose fields Last_Accepted_SEQ would do as well.
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	return fields
}

// readLast reads where the backend stands, if it is said beyond doubt: an integer, not 8.0, "8", true or null.
func readLast(fields map[string]json.RawMessage) int64 {
	last, err := strconv.ParseInt(string(fields["last_accepted_seq"]), 10, 63) // 63: one can count on from it
	if err != nil || last < 0 {
		return unsaid
	}
	return last
}

// readRetryAfter reads for how long the backend asks to be left alone, in seconds or until a date; nonsense is 0.
func readRetryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait)
	} else if errors.Is(err, strconv.ErrRange) {
		return longestWait
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), longestWait)
	}
	return 0
}
