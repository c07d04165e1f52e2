package main

import (
	"context"
	"fmt"
	"math/rand/v2"

	"boutique/boutiquepb"
)

type shipping struct {
	boutiquepb.UnimplementedShippingServiceServer
}

// GetQuote asks the same for each parcel, and nothing for none.
func (shipping) GetQuote(
	_ context.Context, request *boutiquepb.GetQuoteRequest,
) (*boutiquepb.GetQuoteResponse, error) {
	cost := &boutiquepb.Money{CurrencyCode: "USD"}
	if len(request.Items) > 0 {
		cost.Units, cost.Nanos = 8, 990_000_000
	}
	return &boutiquepb.GetQuoteResponse{CostUsd: cost}, nil
}

// ShipOrder sends a parcel each time that it is asked, and makes up the number by which the parcel is known.
func (shipping) ShipOrder(
	_ context.Context, request *boutiquepb.ShipOrderRequest,
) (*boutiquepb.ShipOrderResponse, error) {
	trackingID := fmt.Sprintf("%c%c-%05d-%08d",
		'A'+rand.IntN(26), 'A'+rand.IntN(26), rand.IntN(100_000), rand.IntN(100_000_000))
	quantities := map[string]int32{}
	for _, item := range request.Items {
		quantities[item.ProductId] += item.Quantity
	}
	record("shipped", map[string]any{
		"tracking_id": trackingID, "city": request.GetAddress().GetCity(), "items": quantities,
	})
	return &boutiquepb.ShipOrderResponse{TrackingId: trackingID}, nil
}
