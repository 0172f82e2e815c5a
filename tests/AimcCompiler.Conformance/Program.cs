return await AimcCompiler.Conformance.ConformanceRoot.InvokeAsync(args).ConfigureAwait(false);
