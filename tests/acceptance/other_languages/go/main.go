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

	"hotel/hotelv1"
)

type hotel struct {
	hotelv1.UnimplementedHotelServiceServer
	guard    *guard
	bookings map[string]*hotelv1.GetBookingResponse // by trip
}

func (h *hotel) BookRoom(
	ctx context.Context, request *hotelv1.BookRoomRequest,
) (*hotelv1.BookRoomResponse, error) {
	if request.City == "" {
		return nil, invalid("city", "must not be empty") // Before the guard: no record, and no echo.
	}
	return command(ctx, h.guard, request, func() (*hotelv1.BookRoomResponse, error) {
		if request.City == "Nowhere" {
			return nil, refusal(codes.FailedPrecondition, "NO_HOTEL", "no hotel in Nowhere")
		}
		booking := &hotelv1.GetBookingResponse{Room: "Sea view, " + request.City, Price: 80}
		h.bookings[request.TripId] = booking
		return &hotelv1.BookRoomResponse{Room: booking.Room, Price: booking.Price}, nil
	})
}

func (h *hotel) CancelRoom(
	ctx context.Context, request *hotelv1.CancelRoomRequest,
) (*hotelv1.CancelRoomResponse, error) {
	return compensation(ctx, h.guard, request, func() (*hotelv1.CancelRoomResponse, error) {
		delete(h.bookings, request.TripId)
		return &hotelv1.CancelRoomResponse{}, nil
	})
}

func (h *hotel) GetBooking(
	ctx context.Context, request *hotelv1.GetBookingRequest,
) (*hotelv1.GetBookingResponse, error) {
	return query(ctx, h.guard, func() (*hotelv1.GetBookingResponse, error) {
		if booking, ok := h.bookings[request.TripId]; ok {
			return booking, nil
		}
		return nil, refusal(codes.NotFound, "NO_BOOKING", "no room is booked for this trip")
	})
}

func invalid(field, description string) error {
	violation := &errdetails.BadRequest_FieldViolation{Field: field, Description: description}
	details := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{violation}}
	return detailed(codes.InvalidArgument, field+": "+description, details)
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	service := &hotel{
		guard:    &guard{records: map[string]record{}},
		bookings: map[string]*hotelv1.GetBookingResponse{},
	}
	hotelv1.RegisterHotelServiceServer(server, service)
	serving := health.NewServer()
	serving.SetServingStatus(hotelv1.HotelService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	healthv1.RegisterHealthServer(server, serving)
	reflection.Register(server)
	fmt.Println("listening on", listener.Addr())
	log.Fatal(server.Serve(listener))
}
