return await AimcCompiler.Cli.AimcRoot.InvokeAsync(args).ConfigureAwait(false);
