// The currencies and the payments of the boutique: `node server.js <address> <folder of the protos>`.

const { randomUUID } = require("node:crypto");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { ReflectionService } = require("@grpc/reflection");
const { fault } = require("./card");

const [address, protos] = process.argv.slice(2);
const contract = loader.loadSync("boutique.proto", {
  includeDirs: [protos],
  keepCase: true,
  longs: String,
  defaults: true,
});
const { CurrencyService, PaymentService } = grpc.loadPackageDefinition(contract).boutique;

// Millionths of a unit for one euro.
const rates = { EUR: 1_000_000n, USD: 1_130_500n, JPY: 126_400_000n, GBP: 859_700n, CHF: 1_136_000n };
const BILLION = 1_000_000_000n;

// 400 is no status of gRPC: it leaves as it is, and clients read UNKNOWN.
const refusal = (text) => Object.assign(new Error(text), { code: 400 });

const currency = {
  GetSupportedCurrencies(_, answer) {
    answer(null, { currency_codes: Object.keys(rates) });
  },
  Convert({ request: { from, to_code: to } }, answer) {
    const unknown = [from.currency_code, to].find((code) => !(code in rates));
    if (unknown !== undefined) return answer(refusal(`Unsupported currency: ${unknown}`));
    const nanos = ((BigInt(from.units) * BILLION + BigInt(from.nanos)) * rates[to]) / rates[from.currency_code];
    answer(null, { currency_code: to, units: String(nanos / BILLION), nanos: Number(nanos % BILLION) });
  },
};

const payment = {
  // Each call is a charge of its own: there is no key by which it could be known again.
  Charge({ request: { amount, credit_card: card } }, answer) {
    const wrong = fault(card);
    if (wrong) return answer(refusal(wrong));
    const facts = {
      effect: "charged",
      transaction_id: randomUUID(),
      currency: amount.currency_code,
      units: Number(amount.units),
      nanos: amount.nanos,
      card: card.number.slice(-4),
    };
    console.log(JSON.stringify(facts));
    if (process.env.PAYMENT_STALLS) return; // The money is taken, and nobody is told.
    answer(null, { transaction_id: facts.transaction_id });
  },
};

const server = new grpc.Server();
server.addService(CurrencyService.service, currency);
server.addService(PaymentService.service, payment);
// The file declares services of other processes, too.
new ReflectionService(contract, { services: ["boutique.CurrencyService", "boutique.PaymentService"] }).addToServer(server);
server.bindAsync(address, grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  console.log(`listening on 127.0.0.1:${port}`);
});
