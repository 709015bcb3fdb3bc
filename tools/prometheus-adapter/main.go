// Command prometheus-adapter is prometheus-adapter v0.12.0, its external metrics alone, with the packages of Kubernetes
// 1.35: the stock command does not compile with them. In return it shares its packages with tools/kubernetes, whose
// versions go.mod repeats, and is compiled in seconds instead of minutes. Its API definitions are not published, as
// those of metrics-server are not.
package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/prometheus-adapter/pkg/client"
	"sigs.k8s.io/prometheus-adapter/pkg/config"
	provider "sigs.k8s.io/prometheus-adapter/pkg/external-provider"
	"sigs.k8s.io/prometheus-adapter/pkg/naming"
)

func main() {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := run(genericapiserver.SetupSignalContext(), os.Args[1:]); err != nil {
		klog.Fatal(err)
	}
}

// The flags have the names and the meaning of the stock command's.
func run(ctx context.Context, arguments []string) error {
	adapter := cmd.AdapterBase{Name: "prometheus-adapter"}
	adapter.InstallFlags()
	address := adapter.Flags().String("prometheus-url", "https://localhost", "URL for connecting to Prometheus.")
	account := adapter.Flags().String("prometheus-auth-config", "", "kubeconfig to connect to Prometheus with.")
	file := adapter.Flags().String("config", "", "Which series are metrics, and of what.")
	relist := adapter.Flags().Duration("metrics-relist-interval", 10*time.Minute, "Pause between two looks for series.")
	if err := adapter.Flags().Parse(arguments); err != nil {
		return err
	}
	prometheus, err := url.Parse(*address)
	if err != nil {
		return err
	}
	access, err := clientcmd.BuildConfigFromFlags("", *account)
	if err != nil {
		return err
	}
	caller, err := rest.HTTPClientFor(access)
	if err != nil {
		return err
	}
	rules, err := config.FromFile(*file)
	if err != nil {
		return err
	}
	if len(rules.ExternalRules) == 0 {
		return errors.New("no externalRules in " + *file)
	}
	mapper, err := adapter.RESTMapper()
	if err != nil {
		return err
	}
	namers, err := naming.NamersFromConfig(rules.ExternalRules, mapper)
	if err != nil {
		return err
	}
	source := client.NewClientForAPI(asker{client.NewGenericAPIClient(caller, prometheus, nil)}, http.MethodGet)
	metrics, lister := provider.NewExternalPrometheusProvider(source, namers, *relist, *relist)
	lister.RunUntil(ctx.Done())
	adapter.WithExternalMetrics(metrics)
	server, err := adapter.Config()
	if err != nil {
		return err
	}
	server.GenericConfig.SkipOpenAPIInstallation = true
	return adapter.Run(ctx)
}

type asker struct{ client.GenericAPIClient }

// Do leaves out the parameter `timeout`, which v0.12.0 computes with the wrong sign and older libraries printed as "":
// Prometheus refuses it. The context ends the request in any case.
func (a asker) Do(ctx context.Context, verb, endpoint string, query url.Values) (client.APIResponse, error) {
	query.Del("timeout")
	return a.GenericAPIClient.Do(ctx, verb, endpoint, query)
}
