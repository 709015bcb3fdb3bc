// Command metrics-server is metrics-server v0.8.0 with the packages of Kubernetes 1.35.
//
// Its API definitions go by the names that types had in 1.33, those of 1.35 are looked up by model names, and the stock
// command ends at its start because it finds none. Here they go by both, and are not published: merged into the API
// server's own schema they would leave references that lead nowhere. In return it shares its packages with the rest of
// this module and is compiled in seconds instead of minutes. v0.9.0 needs packages newer than 1.35's.
package main

import (
	"maps"
	"os"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/util"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app/options"
)

func main() {
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := run(os.Args[1:], genericapiserver.SetupSignalHandler()); err != nil {
		klog.Fatal(err)
	}
}

func run(arguments []string, stop <-chan struct{}) error {
	opts := options.NewOptions()
	flags := pflag.NewFlagSet("metrics-server", pflag.ContinueOnError)
	for _, set := range opts.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if errs := opts.Validate(); len(errs) > 0 {
		return errs[0]
	}
	config, err := opts.ServerConfig()
	if err != nil {
		return err
	}
	addModelNames(config.Apiserver.OpenAPIV3Config.Definitions)
	config.Apiserver.SkipOpenAPIInstallation = true
	server, err := config.Complete()
	if err != nil {
		return err
	}
	return server.RunUntil(stop)
}

func addModelNames(definitions map[string]common.OpenAPIDefinition) {
	for name, definition := range maps.Clone(definitions) {
		definitions[util.ToRESTFriendlyName(name)] = definition
	}
}
