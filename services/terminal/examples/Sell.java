// Sells a seat with Java's own client (11 or later), or queues the sale and waits for what comes of it:
//   java Sell.java sell http://127.0.0.1:4280 A1 ann
//   java Sell.java queue http://127.0.0.1:4280 A1 ann order-17
// Checked by eye: no test runs it.
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;

public class Sell {
    // After these the same is sent again: nobody knows yet, or nothing was done.
    static final List<Integer> AGAIN = List.of(429, 500, 503, 504);
    static final HttpClient client = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        String url = args[1], seat = args[2], customer = args[3];
        String body = String.format("{\"seat\":\"%s\",\"customer\":\"%s\"}", seat, customer); // names without quotes
        URI sell = URI.create(url + "/v1/tickets/sell");
        if (args[0].equals("sell")) {
            // The id is made once, with the time in it: whatever happens to this call, the same is sent again and takes effect once.
            String id = Instant.now().truncatedTo(ChronoUnit.MILLIS) + "/" + UUID.randomUUID();
            System.out.println(send(HttpRequest.newBuilder(sell).header("Hotpair-Request-Id", id).header("Hotpair-Deadline", "30s"), body).body());
            return;
        }
        String key = args[4];
        send(HttpRequest.newBuilder(sell).header("Hotpair-Queue", "yes").header("Hotpair-Queue-Key", key).header("Hotpair-Lane", customer), body);
        URI asked = URI.create(url + "/v1/queue?key=" + URLEncoder.encode(key, StandardCharsets.UTF_8));
        String came;
        do {
            Thread.sleep(1000);
            came = send(HttpRequest.newBuilder(asked), null).body();
        } while (came.contains("\"state\":\"queued\""));
        System.out.println(came); // read state, code and error with a library for JSON: unknown wants somebody to look
    }

    // send asks until there is an answer, the same each time.
    static HttpResponse<String> send(HttpRequest.Builder call, String body) throws Exception {
        call.timeout(Duration.ofSeconds(40)); // longer than the deadline
        HttpRequest request = body == null ? call.GET().build() : call.header("Content-Type", "application/json").POST(BodyPublishers.ofString(body)).build();
        for (;; Thread.sleep(1000)) {
            try {
                HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
                if (answer.statusCode() < 300) return answer;
                if (!AGAIN.contains(answer.statusCode())) throw new IllegalStateException(answer.body());
            } catch (java.io.IOException problem) {
                System.err.println("no answer, the same is sent again: " + problem.getMessage());
            }
        }
    }
}
