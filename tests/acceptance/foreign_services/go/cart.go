package main

import (
	"context"
	"slices"
	"sync"

	"boutique/boutiquepb"
)

type carts struct {
	boutiquepb.UnimplementedCartServiceServer
	mutex sync.Mutex
	items map[string][]*boutiquepb.CartItem // by user
}

func (c *carts) AddItem(_ context.Context, request *boutiquepb.AddItemRequest) (*boutiquepb.Empty, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	user, item := request.GetUserId(), request.GetItem()
	same := func(known *boutiquepb.CartItem) bool { return known.ProductId == item.GetProductId() }
	quantity := item.GetQuantity()
	if known := slices.IndexFunc(c.items[user], same); known >= 0 {
		quantity += c.items[user][known].Quantity
	}
	// A new list and a new item: what GetCart has answered is not changed while it is sent.
	kept := slices.DeleteFunc(slices.Clone(c.items[user]), same)
	c.items[user] = append(kept, &boutiquepb.CartItem{ProductId: item.GetProductId(), Quantity: quantity})
	record("added", map[string]any{"user": user, "product": item.GetProductId(), "quantity": item.GetQuantity()})
	return &boutiquepb.Empty{}, nil
}

func (c *carts) GetCart(_ context.Context, request *boutiquepb.GetCartRequest) (*boutiquepb.Cart, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return &boutiquepb.Cart{UserId: request.UserId, Items: c.items[request.UserId]}, nil
}

func (c *carts) EmptyCart(_ context.Context, request *boutiquepb.EmptyCartRequest) (*boutiquepb.Empty, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.items, request.UserId)
	record("emptied", map[string]any{"user": request.UserId})
	return &boutiquepb.Empty{}, nil
}
