package main

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

const query, command, retryable = 0, 1, 2 // The kinds of methods; a compensation is retryable.
var final = map[codes.Code]bool{codes.AlreadyExists: true, codes.FailedPrecondition: true, codes.InvalidArgument: true,
	codes.NotFound: true, codes.OutOfRange: true, codes.PermissionDenied: true} // The refusals that are business.

type record struct { // What came of a key. A tombstone has an error and no intent.
	intent string // the method and the request
	reply  any
	err    error
}

// guard lets each command take effect at most once. Handlers run one at a time, and refuse only before they act.
func guard(kinds map[string]int) grpc.UnaryServerInterceptor {
	records, mutex := map[string]*record{}, new(sync.Mutex)
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, do grpc.UnaryHandler) (any, error) {
		mutex.Lock()
		defer mutex.Unlock()
		said := func(name string) string { return strings.Join(metadata.ValueFromIncomingContext(ctx, name), "") }
		kind, key, about := kinds[info.FullMethod], said("idempotency-key"), said("compensates")+said("verifies")
		known, other := records[key], records[about]
		intent, _ := proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte(info.FullMethod), request.(proto.Message))
		switch absent := about != "" && (other == nil || other.err != nil); {
		case kind == query && absent:
			return nil, refusal(codes.NotFound, "COMMAND_NOT_SEEN", "no command with this key took effect here")
		case kind == query || key == "":
			return do(ctx, request)
		case known != nil && known.intent != "" && known.intent != string(intent): // No echo: the first may have an effect.
			return nil, refusal(codes.InvalidArgument, "IDEMPOTENCY_KEY_REUSED", "the key of another request")
		case known == nil && ctx.Err() != nil: // The caller is gone, and will ask again.
			return nil, status.FromContextError(ctx.Err()).Err()
		case known == nil && kind == retryable && absent: // There is nothing to undo, and it shall not come any more.
			known = &record{string(intent), &emptypb.Empty{}, nil}
			records[about] = cmp.Or(other, &record{err: refusal(codes.FailedPrecondition, "COMMAND_COMPENSATED", "too late")})
		case known == nil:
			known = &record{intent: string(intent)}
			known.reply, known.err = do(ctx, request)
		}
		if known.err == nil || kind == command && final[status.Code(known.err)] {
			records[key] = known
			_ = grpc.SetTrailer(ctx, metadata.Pairs("idempotency-key", key)) // The echo.
		}
		return known.reply, known.err
	}
}
