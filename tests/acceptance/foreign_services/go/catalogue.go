package main

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"boutique/boutiquepb"
)

type catalogue struct {
	boutiquepb.UnimplementedProductCatalogServiceServer
}

var products = []*boutiquepb.Product{
	product("SUNGLASSES", "Sunglasses", "Light, and dark enough.", 19, 990_000_000, "accessories"),
	product("MUG", "Mug", "Holds a third of a litre.", 8, 990_000_000, "kitchen"),
	product("WATCH", "Watch", "Shows the hour, and no mail.", 109, 990_000_000, "accessories"),
}

func product(id, name, description string, units int64, nanos int32, category string) *boutiquepb.Product {
	price := &boutiquepb.Money{CurrencyCode: "USD", Units: units, Nanos: nanos}
	return &boutiquepb.Product{
		Id: id, Name: name, Description: description, PriceUsd: price, Categories: []string{category},
	}
}

func (catalogue) ListProducts(context.Context, *boutiquepb.Empty) (*boutiquepb.ListProductsResponse, error) {
	return &boutiquepb.ListProductsResponse{Products: products}, nil
}

func (catalogue) GetProduct(_ context.Context, request *boutiquepb.GetProductRequest) (*boutiquepb.Product, error) {
	for _, each := range products {
		if each.Id == request.Id {
			return each, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "no product with ID %s", request.Id)
}
