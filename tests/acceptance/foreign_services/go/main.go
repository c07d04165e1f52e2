// The carts, the catalogue and the shipping of the boutique: `boutique <address>`.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"boutique/boutiquepb"
)

// record writes a line of the ledger, before the effect is answered.
func record(effect string, facts map[string]any) {
	facts["effect"] = effect
	line, err := json.Marshal(facts)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	boutiquepb.RegisterCartServiceServer(server, &carts{items: map[string][]*boutiquepb.CartItem{}})
	boutiquepb.RegisterProductCatalogServiceServer(server, catalogue{})
	boutiquepb.RegisterShippingServiceServer(server, shipping{})
	reflection.Register(server)
	fmt.Println("listening on", listener.Addr())
	log.Fatal(server.Serve(listener))
}
