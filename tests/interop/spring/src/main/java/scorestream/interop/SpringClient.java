package scorestream.interop;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.requestreply.ReplyingKafkaTemplate;
import org.springframework.kafka.requestreply.RequestReplyFuture;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.kafka.support.TopicPartitionOffset;

/**
 * Sends applications and waits for their replies, with Spring's defaults wherever it has one.
 *
 * <p>Arguments: bootstrap servers, request topic, reply partition or "any", a file with one
 * application a line: key, a tab, JSON. Prints one JSON object a line, in the order of the requests;
 * status 1 if a reply did not come.
 */
public final class SpringClient {
  private static final String REPLIES = "replies";
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private SpringClient() {}

  public static void main(String[] arguments) throws Exception {
    List<String> lines = Files.readAllLines(Path.of(arguments[3]));
    var producers = new DefaultKafkaProducerFactory<byte[], byte[]>(producerSettings(arguments[0]));
    var template = new ReplyingKafkaTemplate<>(producers, replies(arguments[0], arguments[2]));
    // Others read and write the same topic: a reply that is not ours is no error.
    template.setSharedReplyTopic(true);
    template.setDefaultReplyTimeout(PATIENCE);
    template.afterPropertiesSet();
    template.start();
    boolean isComplete = false;
    try {
      if (!template.waitForAssignment(PATIENCE)) {
        throw new IllegalStateException("no partition of " + REPLIES + " within " + PATIENCE);
      }
      isComplete = exchange(template, arguments[1], lines);
    } finally {
      template.destroy();
      producers.destroy();
    }
    System.exit(isComplete ? 0 : 1);
  }

  private static boolean exchange(
      ReplyingKafkaTemplate<byte[], byte[], byte[]> template, String topic, List<String> lines)
      throws InterruptedException {
    List<ProducerRecord<byte[], byte[]>> requests = new ArrayList<>();
    List<RequestReplyFuture<byte[], byte[], byte[]>> futures = new ArrayList<>();
    for (String line : lines) {
      String[] parts = line.split("\t", 2);
      requests.add(new ProducerRecord<>(topic, utf8(parts[0]), utf8(parts[1])));
      futures.add(template.sendAndReceive(requests.get(requests.size() - 1)));
    }
    boolean isComplete = true;
    for (int i = 0; i < futures.size(); i++) {
      try {
        ConsumerRecord<byte[], byte[]> reply =
            futures.get(i).get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        System.out.println(line(requests.get(i), reply));
      } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException error) {
        isComplete = false;
        System.out.println("{\"key\": " + quoted(requests.get(i).key()) + ", \"error\": "
            + quoted(utf8(String.valueOf(error))) + "}");
      }
    }
    return isComplete;
  }

  private static String line(ProducerRecord<byte[], byte[]> request, ConsumerRecord<byte[], byte[]> reply) {
    StringJoiner headers = new StringJoiner(", ", "{", "}");
    for (Header header : reply.headers()) {
      headers.add(quoted(utf8(header.key())) + ": \"" + hex(header.value()) + "\"");
    }
    byte[] correlation = request.headers().lastHeader(KafkaHeaders.CORRELATION_ID).value();
    Header status = reply.headers().lastHeader("status");
    return "{\"key\": " + quoted(request.key())
        + ", \"correlation\": \"" + hex(correlation) + "\""
        + ", \"partition\": " + reply.partition()
        + ", \"status\": " + (status == null ? "null" : quoted(status.value()))
        + ", \"headers\": " + headers
        + ", \"body\": " + quoted(reply.value()) + "}";
  }

  private static ConcurrentMessageListenerContainer<byte[], byte[]> replies(
      String bootstrapServers, String partition) {
    ContainerProperties properties =
        partition.equals("any")
            ? new ContainerProperties(REPLIES)
            : new ContainerProperties(
                new TopicPartitionOffset(
                    REPLIES, Integer.parseInt(partition), TopicPartitionOffset.SeekPosition.END));
    properties.setGroupId("spring-client-" + UUID.randomUUID());
    var consumers =
        new DefaultKafkaConsumerFactory<byte[], byte[]>(
            Map.of(
                ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers,
                ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest",
                ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class,
                ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class));
    return new ConcurrentMessageListenerContainer<>(consumers, properties);
  }

  private static Map<String, Object> producerSettings(String bootstrapServers) {
    return Map.of(
        ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrapServers,
        ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class,
        ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  /** The text as a JSON string, ASCII only, so that it survives any console's encoding. */
  private static String quoted(byte[] utf8) {
    StringBuilder quoted = new StringBuilder("\"");
    for (char c : new String(utf8, StandardCharsets.UTF_8).toCharArray()) {
      boolean isPlain = c >= ' ' && c < 127 && c != '"' && c != '\\';
      quoted.append(isPlain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return quoted.append('"').toString();
  }
}
