package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// record is what is known of one idempotency key.
type record struct {
	method    string
	digest    [32]byte      // of the request
	reply     proto.Message // what was answered,
	rejection error         // or why it was refused
	tombstone bool          // the compensation came first: the command must never take effect
}

func (r record) completed() bool { return r.method != "" && r.rejection == nil && !r.tombstone }

// guard makes each command take effect at most once. Here the records are in memory, and one mutex makes the record
// and the effect one step. In a real service both are written in one transaction of its database.
type guard struct {
	mutex   sync.Mutex
	records map[string]record
}

// command runs what may be compensated. Its reply, or its rejection, is final.
func command[R proto.Message](ctx context.Context, g *guard, request proto.Message, do func() (R, error)) (R, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return once(ctx, g, request, do, definite)
}

// compensation undoes a command that took effect, and keeps out one that has not come yet. Where there is nothing to
// undo it succeeds with an empty reply.
func compensation[R proto.Message](
	ctx context.Context, g *guard, request proto.Message, undo func() (R, error),
) (R, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return once(ctx, g, request, func() (R, error) {
		key := said(ctx, "compensates")
		known, seen := g.records[key]
		if key == "" || known.completed() {
			return undo()
		}
		if !seen {
			g.records[key] = record{method: method(ctx), tombstone: true}
		}
		var reply R
		return reply.ProtoReflect().New().Interface().(R), nil
	}, nil) // A compensation is retried until it succeeds, so its refusal is not recorded.
}

// query only reads. Asked whether a command took effect, it reads only where that is so.
func query[R proto.Message](ctx context.Context, g *guard, read func() (R, error)) (R, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if key := said(ctx, "verifies"); key != "" && !g.records[key].completed() {
		var none R
		return none, refusal(codes.NotFound, "COMMAND_NOT_SEEN", "no command with this key took effect here")
	}
	return read()
}

// once answers a known key from its record. For a new key it runs `do`, and records a reply, or a refusal with one of
// the codes that are final. `do` must have done nothing where it refuses.
func once[R proto.Message](
	ctx context.Context, g *guard, request proto.Message, do func() (R, error), final []codes.Code,
) (R, error) {
	var none R
	key, digest := said(ctx, "idempotency-key"), digestOf(request)
	if known, ok := g.records[key]; ok {
		switch {
		case known.tombstone:
			echo(ctx, key)
			return none, refusal(codes.FailedPrecondition, "COMMAND_COMPENSATED", "the compensation came first")
		case known.method != method(ctx) || known.digest != digest:
			// No echo: the command that used this key before may have had an effect.
			return none, refusal(codes.InvalidArgument, "IDEMPOTENCY_KEY_REUSED", "the key of another request")
		case known.rejection != nil:
			echo(ctx, key)
			return none, known.rejection
		}
		echo(ctx, key)
		return known.reply.(R), nil
	}
	if err := ctx.Err(); err != nil { // The deadline is over: the caller is gone, and will ask again.
		return none, status.FromContextError(err).Err()
	}
	reply, err := do()
	if err != nil && !slices.Contains(final, status.Code(err)) {
		return none, err // No record and no echo: another attempt may succeed.
	}
	if key != "" {
		g.records[key] = record{method: method(ctx), digest: digest, reply: reply, rejection: err}
		echo(ctx, key)
	}
	return reply, err
}

// definite are the codes of a business refusal. The others say "try again", or "I do not know".
var definite = []codes.Code{
	codes.AlreadyExists, codes.FailedPrecondition, codes.InvalidArgument, codes.NotFound, codes.OutOfRange,
	codes.PermissionDenied,
}

// refusal is an error with a reason that a program can branch on.
func refusal(code codes.Code, reason, message string) error {
	info := &errdetails.ErrorInfo{Reason: reason, Domain: "hotel"}
	return detailed(code, message, info)
}

// detailed is a google.rpc.Status; gRPC sends it as `grpc-status-details-bin`.
func detailed(code codes.Code, message string, detail protoadapt.MessageV1) error {
	refused, err := status.New(code, message).WithDetails(detail)
	if err != nil {
		return status.Error(code, message)
	}
	return refused.Err()
}

// echo says: this answer is the guard's own, and holds for every attempt with this key.
func echo(ctx context.Context, key string) {
	_ = grpc.SetTrailer(ctx, metadata.Pairs("idempotency-key", key))
}

func said(ctx context.Context, name string) string {
	if values := metadata.ValueFromIncomingContext(ctx, name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func method(ctx context.Context) string {
	name, _ := grpc.Method(ctx)
	return name
}

func digestOf(request proto.Message) [32]byte {
	written, _ := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	return sha256.Sum256(written)
}
