package main

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// buffer holds events as JSON, oldest first. The i-th goes out under the number base+1+i.
type buffer struct {
	events [][]byte
	bytes  int
}

func (b *buffer) add(payload []byte) {
	b.events = append(b.events, payload)
	b.bytes += len(payload)
}

// discard forgets the oldest events.
func (b *buffer) discard(count int) {
	for _, payload := range b.events[:count] {
		b.bytes -= len(payload)
	}
	clear(b.events[:count]) // or the array would keep them from the garbage collector
	b.events = b.events[count:]
}

// dropOutgrown drops what is too large under a number that has become longer since it was added; it gives how many.
func (b *buffer) dropOutgrown(base int64, maxEventBytes int) int {
	kept := b.events[:0]
	for _, payload := range b.events {
		if lineSize(base+1+int64(len(kept)), payload) > maxEventBytes {
			b.bytes -= len(payload)
		} else {
			kept = append(kept, payload)
		}
	}
	dropped := b.events[len(kept):]
	clear(dropped)
	b.events = kept
	return len(dropped)
}

// window gives a body of the oldest events, as many as may go out together, and how many these are.
func (b *buffer) window(base int64, maxEvents, maxBytes int) (body []byte, count int) {
	limit := min(len(b.events), maxEvents)
	for i, payload := range b.events[:limit] {
		size := len(body)
		if i > 0 {
			body = append(body, '\n') // between lines only: one after the last would count, too
		}
		body = appendLine(body, base+1+int64(i), payload)
		if i > 0 && len(body) > maxBytes {
			return body[:size], i
		}
	}
	return body, limit
}

// encode gives an event as one line of JSON.
func encode(event any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // a < that becomes \u003c is six bytes of the event's limit
	if err := encoder.Encode(event); err != nil {
		return nil, err
	}
	// A copy of just its size, so that what is held takes what it is counted for.
	return bytes.Clone(bytes.TrimSuffix(line.Bytes(), []byte("\n"))), nil
}

func appendLine(to []byte, seq int64, payload []byte) []byte {
	to = append(to, `{"seq":`...)
	to = strconv.AppendInt(to, seq, 10)
	to = append(to, `,"event":`...)
	to = append(to, payload...)
	return append(to, '}')
}

func lineSize(seq int64, payload []byte) int {
	return len(appendLine(nil, seq, nil)) + len(payload)
}
