const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { ReflectionService } = require("@grpc/reflection");

const [address, protos] = process.argv.slice(2);
const contract = loader.loadSync("airline/v1/airline.proto", { includeDirs: [protos] });
const { AirlineService } = grpc.loadPackageDefinition(contract).airline.v1;
const tickets = new Map();

const airline = {
  BuyTicket({ request }, answer) {
    // An error without a code leaves as UNKNOWN, with only this text.
    if (request.city === "Atlantis") return answer(new Error("no airport in Atlantis"));
    const ticket = `T${tickets.size + 1}`;
    tickets.set(ticket, request.city);
    answer(null, { ticket, price: 120 });
  },
  RefundTicket({ request }, answer) {
    // What was refunded is not refunded again, so it may be repeated.
    if (tickets.get(request.ticket)) console.log(`refunded ${request.ticket}, ${tickets.get(request.ticket)}`);
    tickets.set(request.ticket, null);
    answer(null, {});
  },
};

const server = new grpc.Server();
server.addService(AirlineService.service, airline);
new ReflectionService(contract).addToServer(server);
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening on 127.0.0.1:${port}`);
});
