// Sells a seat with the client of .NET (8 or later), or queues the sale and waits for what comes of it; as Program.cs of a console project:
//   dotnet run -- sell http://127.0.0.1:4280 A1 ann
//   dotnet run -- queue http://127.0.0.1:4280 A1 ann order-17
// Checked by eye: no test runs it.
using System.Net.Http.Json;
using System.Text.Json;

// After these the same is sent again: nobody knows yet, or nothing was done.
int[] again = [429, 500, 503, 504];
using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(40) }; // longer than the deadline
var (url, seat, customer) = (args[1], args[2], args[3]);

if (args[0] == "sell")
{
    // The id is made once, with the time in it: whatever happens to this call, the same is sent again and takes effect once.
    var id = $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ}/{Guid.NewGuid()}";
    Console.WriteLine(await Send(() => Sale(("Hotpair-Request-Id", id), ("Hotpair-Deadline", "30s"))));
    return;
}
var key = args[4];
await Send(() => Sale(("Hotpair-Queue", "yes"), ("Hotpair-Queue-Key", key), ("Hotpair-Lane", customer)));
JsonElement came;
do
{
    await Task.Delay(1000);
    came = await Send(() => new HttpRequestMessage(HttpMethod.Get, $"{url}/v1/queue?key={Uri.EscapeDataString(key)}"));
} while (came.GetProperty("state").GetString() == "queued");
if (came.GetProperty("state").GetString() == "unknown") throw new InvalidOperationException($"outcome unknown, check the seat: {came}");
if (came.TryGetProperty("code", out _)) throw new InvalidOperationException($"refused: {came.GetProperty("error")}");
Console.WriteLine(came.GetProperty("body"));

HttpRequestMessage Sale(params (string Name, string Value)[] headers)
{
    var request = new HttpRequestMessage(HttpMethod.Post, $"{url}/v1/tickets/sell") { Content = JsonContent.Create(new { seat, customer }) };
    foreach (var (name, value) in headers) request.Headers.Add(name, value);
    return request;
}

// Send asks until there is an answer, the same each time; a message can be sent only once, so each try makes its own.
async Task<JsonElement> Send(Func<HttpRequestMessage> make)
{
    for (; ; await Task.Delay(1000))
    {
        try
        {
            using var answer = await client.SendAsync(make());
            var value = await answer.Content.ReadFromJsonAsync<JsonElement>();
            if (answer.IsSuccessStatusCode) return value;
            if (!again.Contains((int)answer.StatusCode)) throw new InvalidOperationException(value.GetProperty("detail").GetString());
        }
        catch (Exception problem) when (problem is HttpRequestException or TaskCanceledException)
        {
            Console.Error.WriteLine($"no answer, the same is sent again: {problem.Message}");
        }
    }
}
