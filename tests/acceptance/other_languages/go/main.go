package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"hotel/hotelv1"
)

type hotel struct {
	hotelv1.UnimplementedHotelServiceServer
	bookings map[string]*hotelv1.GetBookingResponse // by trip
}

func (h *hotel) BookRoom(_ context.Context, request *hotelv1.BookRoomRequest) (*hotelv1.BookRoomResponse, error) {
	if request.City == "Nowhere" {
		return nil, refusal(codes.FailedPrecondition, "NO_HOTEL", "no hotel in Nowhere")
	}
	booking := &hotelv1.GetBookingResponse{Room: "Sea view, " + request.City, Price: 80}
	h.bookings[request.TripId] = booking
	return &hotelv1.BookRoomResponse{Room: booking.Room, Price: booking.Price}, nil
}

func (h *hotel) CancelRoom(_ context.Context, request *hotelv1.CancelRoomRequest) (*hotelv1.CancelRoomResponse, error) {
	delete(h.bookings, request.TripId)
	return &hotelv1.CancelRoomResponse{}, nil
}

func (h *hotel) GetBooking(_ context.Context, request *hotelv1.GetBookingRequest) (*hotelv1.GetBookingResponse, error) {
	if booking, ok := h.bookings[request.TripId]; ok {
		return booking, nil
	}
	return nil, refusal(codes.NotFound, "NO_BOOKING", "no room is booked for this trip")
}

// valid stands before the guard: what is invalid leaves no record, and gets no echo.
func valid(ctx context.Context, request any, _ *grpc.UnaryServerInfo, do grpc.UnaryHandler) (any, error) {
	if booking, ok := request.(*hotelv1.BookRoomRequest); ok && booking.City == "" {
		violation := &errdetails.BadRequest_FieldViolation{Field: "city", Description: "must not be empty"}
		fields := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}}
		return nil, detailed(codes.InvalidArgument, "city: must not be empty", fields)
	}
	return do(ctx, request)
}

// refusal is an error with a reason that a program can branch on.
func refusal(code codes.Code, reason, message string) error {
	return detailed(code, message, &errdetails.ErrorInfo{Reason: reason, Domain: "hotel"})
}

// detailed is a google.rpc.Status; gRPC sends it as `grpc-status-details-bin`.
func detailed(code codes.Code, message string, detail protoadapt.MessageV1) error {
	refused, err := status.New(code, message).WithDetails(detail)
	if err != nil {
		return status.Error(code, message)
	}
	return refused.Err()
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	guarded := guard(map[string]int{
		hotelv1.HotelService_BookRoom_FullMethodName:   command,
		hotelv1.HotelService_CancelRoom_FullMethodName: retryable,
		hotelv1.HotelService_GetBooking_FullMethodName: query,
	})
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(valid, guarded))
	hotelv1.RegisterHotelServiceServer(server, &hotel{bookings: map[string]*hotelv1.GetBookingResponse{}})
	serving := health.NewServer()
	serving.SetServingStatus(hotelv1.HotelService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, serving)
	reflection.Register(server)
	fmt.Println("listening on", listener.Addr())
	log.Fatal(server.Serve(listener))
}
