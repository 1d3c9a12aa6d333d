{{/* Combinations that can't work, each with its mend. values.schema.json has caught wrong types before. */}}

{{- define "scorestream.gateway.termination" -}}
{{- $g := .Values.gateway -}}
{{- add $g.drainGraceSeconds $g.drainTimeoutSeconds (div (add $g.deadlineMs 999) 1000) 5 -}}
{{- end }}

{{- define "scorestream.validate.kafka" -}}
{{- $kafka := .Values.kafka -}}
{{- if not $kafka.bootstrapServers }}
{{- fail "kafka.bootstrapServers is empty: name your brokers, e.g. kafka-kafka-bootstrap.kafka:9093" }}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
{{- range $name, $user := $kafka.users }}
{{- if not (and $user.username $user.secret) }}
{{- fail (printf "kafka.securityProtocol is %s: give kafka.users.%s a username and the secret with its password" $kafka.securityProtocol $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.keda.enabled (ne $kafka.securityProtocol "PLAINTEXT") (not .Values.keda.kafkaSecret.name) }}
{{- fail "keda.enabled with a secured Kafka: name the secret KEDA logs in with in keda.kafkaSecret.name (keys: sasl, username, password, tls)" }}
{{- end }}
{{- if not (get .Values.networkPolicy.peers "kafka").who }}
{{- if .Values.networkPolicy.enabled }}{{ fail "networkPolicy.peers.kafka.who is empty: nothing could reach Kafka; say where the brokers are (namespaceSelector, podSelector or ipBlock)" }}{{ end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.gateway" -}}
{{- $g := .Values.gateway -}}
{{- if and (not $g.keys.secret) (not $g.keys.disabled) }}
{{- fail "gateway.keys.secret is empty: make one (scorestream keys new --file keys.json; kubectl create secret generic gateway-keys --from-file=keys.json), or set gateway.keys.disabled=true if something in front asks for keys" }}
{{- end }}
{{- if and $g.keys.secret $g.keys.disabled }}
{{- fail "gateway.keys.disabled=true and gateway.keys.secret are both set: drop one" }}
{{- end }}
{{- with $g.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "gateway.autoscaling.minReplicas %v is over maxReplicas %v: lower the one or raise the other" .minReplicas .maxReplicas) }}
{{- end }}
{{- if and .enabled (not (dig "requests" "cpu" "" $g.resources)) }}
{{- fail "gateway.autoscaling follows the share of requested CPU: set gateway.resources.requests.cpu" }}
{{- end }}
{{- if and .enabled .memoryPercent (not (dig "requests" "memory" "" $g.resources)) }}
{{- fail "gateway.autoscaling.memoryPercent follows the share of requested memory: set gateway.resources.requests.memory" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.scorer" -}}
{{- $v := .Values -}}
{{- $partitions := int $v.topics.partitions -}}
{{- range $lane, $set := $v.scorer.lanes }}
{{- if $set.enabled }}
{{- $a := $set.autoscaling -}}
{{- $most := ternary $a.maxReplicas $set.replicas $v.keda.enabled | int }}
{{- $value := ternary "autoscaling.maxReplicas" "replicas" $v.keda.enabled }}
{{- if gt $most $partitions }}
{{- fail (printf "scorer.lanes.%s.%s is %d, but its topic has %d partitions (topics.partitions) and a partition has one scorer: lower it, or add partitions first (scorestream topics ensure --grow, while nothing is in flight)" $lane $value $most $partitions) }}
{{- end }}
{{- if and $v.keda.enabled (gt (int $a.minReplicas) (int $a.maxReplicas)) }}
{{- fail (printf "scorer.lanes.%s.autoscaling.minReplicas %v is over maxReplicas %v: lower the one or raise the other" $lane $a.minReplicas $a.maxReplicas) }}
{{- end }}
{{- if and $v.keda.enabled (eq $lane "sync") (lt (int $a.minReplicas) 1) }}
{{- fail "scorer.lanes.sync.autoscaling.minReplicas is 0: the first application of a quiet hour would wait for a pod; set at least 1" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.stores" -}}
{{- $v := .Values -}}
{{- $net := $v.networkPolicy -}}
{{- if and (not $v.ledger.database.secret) (gt (int $v.ledger.replicas) 1) }}
{{- fail "ledger.replicas is over 1 with SQLite, which has one owner: set ledger.database.secret (a PostgreSQL address), or ledger.replicas=1" }}
{{- end }}
{{- if and $net.enabled (or $v.ledger.database.secret (and $v.mlflow.enabled $v.mlflow.database.secret)) (not $net.peers.postgresql.who) }}
{{- fail "a database secret is set and networkPolicy.peers.postgresql.who is empty: say where PostgreSQL is" }}
{{- end }}
{{- if and (not $v.mlflow.enabled) (not $v.mlflow.externalUrl) }}
{{- fail "mlflow.enabled is false: give the address of yours in mlflow.externalUrl" }}
{{- end }}
{{- range $name, $uri := dict "features.store" (ternary $v.features.store "" $v.features.enabled) "archive.store" (ternary $v.archive.store "" $v.archive.enabled) }}
{{- if and (hasPrefix "/" $uri) (not (and $v.sharedVolume.enabled (hasPrefix "/var/lib/scorestream/" $uri))) }}
{{- fail (printf "%s is the folder %s, which no other pod sees: use gs://… or s3://…, or sharedVolume.enabled=true and a folder under /var/lib/scorestream/" $name $uri) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.ingress" -}}
{{- with .Values.ingress }}
{{- if .enabled }}
{{- if not .host }}{{ fail "ingress.enabled: set ingress.host, the one name for API, MLflow and Grafana" }}{{ end }}
{{- if and (not .tls.enabled) (not .plainHttp) }}
{{- fail "ingress.tls.enabled is false: keys and applications would cross the network in plain; set ingress.tls, or ingress.plainHttp=true on a machine of your own" }}
{{- end }}
{{- if and .mlflow.enabled (not .consoleAnnotations) (not .mlflow.open) }}
{{- fail "ingress.mlflow.enabled: MLflow has no log-in of its own; put one in front (ingress.consoleAnnotations, your controller's external authentication), or set ingress.mlflow.open=true where everybody who reaches the Ingress may change models" }}
{{- end }}
{{- if and .mlflow.enabled (not $.Values.mlflow.enabled) }}
{{- fail "ingress.mlflow.enabled without mlflow.enabled: there is no MLflow here to show" }}
{{- end }}
{{- if and $.Values.networkPolicy.enabled (not $.Values.networkPolicy.peers.ingress.who) }}
{{- fail "ingress.enabled and networkPolicy.peers.ingress.who is empty: say where the ingress controller's pods are" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.environment" -}}
{{- /* A setting that the chart makes itself: the later of two equal keys would win without a word. */}}
{{- $own := dict "gateway" .Values.gateway.env "scorer" .Values.scorer.env "features" .Values.features.env "ledger" .Values.ledger.env "archive" .Values.archive.env "lagExporter" .Values.lagExporter.env "mlflow" .Values.mlflow.env }}
{{- range $component, $env := $own }}
{{- range $name, $_ := $env }}
{{- if regexMatch "(PASSWORD|SECRET|TOKEN|DATABASE_URL|STORE_URI)$" $name }}
{{- fail (printf "%s.env.%s is a secret in plain: put it into a Secret and name that (kafka.users, ledger.database, mlflow.database, objectStore)" $component $name) }}
{{- end }}
{{- if regexMatch "_(HOST|PORT)$" $name }}
{{- fail (printf "%s.env.%s would move a port that services, probes and policies know: drop it" $component $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
