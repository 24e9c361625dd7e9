using System.Net;
using System.Net.Sockets;
using System.Text;
using Bootc.Oci.Chunked;
using Bootc.Oci.Registry;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Bootc.Oci.Tests.Registry;

public sealed class RegistryImageTests : IAsyncLifetime
{
    private const string Secret = "s3cret";

    private LoopbackRegistry _registry = null!;

    private bool IsBlob(HttpContext context) => context.Request.Path.Value!.EndsWith(_registry.LayerDigest.ToString(), StringComparison.Ordinal);

    public async Task InitializeAsync() => _registry = await LoopbackRegistry.StartAsync();

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Fact]
    public async Task Pulls_by_tag_and_by_digest()
    {
        (await _registry.PullAsync()).ManifestDigest.Should().Be(_registry.ManifestDigest);
        (await _registry.PullAsync(reference: $"@{_registry.ManifestDigest}")).ManifestDigest.Should().Be(_registry.ManifestDigest);
    }

    [Fact]
    public async Task Knows_what_an_image_is_after_three_requests()
    {
        _registry.PublishIndex($$"""{"os": "linux", "architecture": "{{Platform.Native.Architecture}}"}""");

        using RegistryImage source = _registry.Open(_registry.PatientAccess);
        await source.ResolveAsync(default);

        _registry.Requests.Should().HaveCount(3); // index, manifest, config
    }

    [Fact]
    public async Task Takes_up_a_blob_where_it_broke_off()
    {
        int times = 0;
        _registry.Before = async context =>
        {
            if (!IsBlob(context) || times++ > 0)
            {
                return false;
            }

            await BreakOffAsync(context);
            return true;
        };

        await _registry.PullAsync(_registry.PatientAccess);

        _registry.Requests.Where(request => request.Range is not null).Should().ContainSingle()
            .Which.Range.Should().MatchRegex("^bytes=[1-9][0-9]*-$");
    }

    /// <summary>A connection brings 100,000 bytes; there are more of them than tries.</summary>
    [Fact]
    public async Task Takes_up_a_blob_as_often_as_each_connection_brings_some_of_it()
    {
        _registry.Before = async context =>
        {
            if (!IsBlob(context))
            {
                return false;
            }

            long from = context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
            ReadOnlyMemory<byte> rest = _registry.Layer.AsMemory((int)from);
            context.Response.StatusCode = from > 0 ? 206 : 200;
            context.Response.Headers.ContentRange = from > 0 ? $"bytes {from}-{_registry.Layer.Length - 1}/{_registry.Layer.Length}" : default;
            context.Response.ContentLength = rest.Length;
            await context.Response.Body.WriteAsync(rest[..Math.Min(rest.Length, 100_000)]);
            await context.Response.Body.FlushAsync();
            if (rest.Length > 100_000)
            {
                await Task.Delay(100);
                context.Abort();
            }

            return true;
        };
        RegistryPatience patience = _registry.PatientAccess.Patience with { ProgressBytes = new RegistryPatience().ProgressBytes };

        await _registry.PullAsync(_registry.PatientAccess with { Patience = patience });

        _registry.Requests.Count(request => request.Range is not null).Should().BeGreaterThan(patience.Attempts - 1);
    }

    /// <summary>A connection that is cut, or silent, where only the end of the answer was still to come.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task A_connection_that_fails_after_the_last_byte_fails_nothing(bool isCut, bool isPart)
    {
        BlobRange part = isPart ? new(1000, 100_000) : new(0, _registry.Layer.Length);
        _registry.Before = async context =>
        {
            if (!IsBlob(context))
            {
                return false;
            }

            context.Response.StatusCode = isPart ? 206 : 200;
            context.Response.Headers.ContentRange = isPart ? $"bytes {part.From}-{part.End - 1}/{_registry.Layer.Length}" : default;
            await context.Response.Body.WriteAsync(_registry.Layer.AsMemory((int)part.From, (int)part.Length));
            await context.Response.Body.FlushAsync();
            await Task.Delay(isCut ? 100 : 20_000, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            context.Abort();
            return true;
        };
        using RegistryClient client = new(new(_registry.Host, LoopbackRegistry.Repository), isCut ? _registry.PatientAccess : _registry.Access);
        Descriptor blob = new(MediaTypes.Layer, _registry.LayerDigest, _registry.Layer.Length);

        using RegistryBlob stream = await RegistryBlob.OpenAsync(client, blob, part, default);
        using MemoryStream content = new();
        stream.CopyTo(content);

        content.ToArray().Should().Equal(_registry.Layer[(int)part.From..(int)part.End]);
        _registry.Requests.Should().ContainSingle();
    }

    [Theory]
    [InlineData(200, null)]
    [InlineData(206, "bytes 0-6/7")]
    [InlineData(206, "bytes 5-11/300000")]
    public async Task Takes_up_a_blob_after_an_answer_that_is_not_the_registrys(int status, string? range)
    {
        int times = 0;
        _registry.Before = async context =>
        {
            if (!IsBlob(context) || times++ > 1)
            {
                return false;
            }

            if (times == 1)
            {
                await BreakOffAsync(context);
                return true;
            }

            context.Response.StatusCode = status;
            context.Response.Headers.ContentRange = range;
            context.Response.ContentLength = 7;
            await context.Response.WriteAsync("<html/>");
            return true;
        };

        await _registry.PullAsync(_registry.PatientAccess);

        times.Should().Be(3);
    }

    [Fact]
    public async Task Takes_up_a_blob_in_the_middle_of_which_the_token_expired_with_another()
    {
        int tokens = 0;
        _registry.Before = async context =>
        {
            if (context.Request.Path == "/token")
            {
                await context.Response.WriteAsync($$"""{"token": "t{{++tokens}}"}""");
                return true;
            }

            if (context.Request.Headers.Authorization != $"Bearer t{tokens}" || tokens == 0)
            {
                context.Response.StatusCode = 401;
                context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://{_registry.Host}/token\",service=\"s\"";
                return true;
            }

            if (!IsBlob(context) || tokens > 1)
            {
                return false;
            }

            // From here on the first token is none, and the connection ends.
            tokens = 100;
            await BreakOffAsync(context);
            return true;
        };

        await _registry.PullAsync(_registry.PatientAccess with { Logins = Login(_registry.Host) });

        tokens.Should().Be(101);
        _registry.Requests.Last().Should().Match<(string Path, string? Authorization, string? Range)>(
            request => request.Authorization == "Bearer t101" && request.Range!.StartsWith("bytes="));
    }

    [Fact]
    public async Task Skips_what_it_has_where_a_registry_knows_no_ranges()
    {
        int times = 0;
        _registry.Before = async context =>
        {
            if (!IsBlob(context))
            {
                return false;
            }

            context.Response.ContentLength = _registry.Layer.Length;
            int length = times++ == 0 ? 100_000 : _registry.Layer.Length;
            await context.Response.Body.WriteAsync(_registry.Layer.AsMemory(0, length));
            await context.Response.Body.FlushAsync();
            if (length < _registry.Layer.Length)
            {
                await Task.Delay(100);
                context.Abort();
            }

            return true;
        };

        await _registry.PullAsync();

        times.Should().Be(2);
    }

    [Fact]
    public async Task Gives_up_on_a_blob_that_always_breaks_off_at_the_same_byte()
    {
        _registry.Before = async context =>
        {
            if (IsBlob(context))
            {
                context.Response.ContentLength = _registry.Layer.Length;
                await context.Response.Body.WriteAsync(_registry.Layer.AsMemory(0, 1000));
                await context.Response.Body.FlushAsync();
                await Task.Delay(50);
                context.Abort();
            }

            return IsBlob(context);
        };

        await Refused("*stopped at * of * bytes, 3 times: *");
    }

    [Fact]
    public async Task Gives_up_on_a_trickle()
    {
        _registry.Before = async context =>
        {
            if (!IsBlob(context))
            {
                return false;
            }

            for (int i = 0; i < 100 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.Body.WriteAsync(new byte[1]);
                await context.Response.Body.FlushAsync();
                await Task.Delay(100);
            }

            return true;
        };

        await Refused("*3 times: * arrived within 1 seconds");
    }

    [Fact]
    public async Task Gives_up_on_a_trickle_of_what_it_has_already()
    {
        int times = 0;
        _registry.Before = async context =>
        {
            if (!IsBlob(context))
            {
                return false;
            }

            context.Response.ContentLength = _registry.Layer.Length;
            await context.Response.Body.WriteAsync(_registry.Layer.AsMemory(0, times++ == 0 ? 100_000 : 0));
            for (int i = 0; i < (times == 1 ? 1 : 100) && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.Body.WriteAsync(new byte[1]);
                await context.Response.Body.FlushAsync();
                await Task.Delay(100);
            }

            context.Abort();
            return true;
        };

        await Refused("*3 times: * arrived within 1 seconds");
    }

    [Fact]
    public async Task Waits_as_long_as_a_busy_registry_asks()
    {
        int times = 0;
        _registry.Before = context =>
        {
            context.Response.StatusCode = times++ == 0 ? 429 : 200;
            context.Response.Headers.RetryAfter = "1";
            return Task.FromResult(times == 1);
        };
        long began = Environment.TickCount64;

        await _registry.PullAsync();

        (Environment.TickCount64 - began).Should().BeGreaterThan(900);
    }

    [Theory]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Tries_again_what_may_pass_and_then_says_what_it_was(int status)
    {
        _registry.Before = context =>
        {
            context.Response.StatusCode = status;
            return Task.FromResult(true);
        };

        await Refused($"{_registry.Host}/os/edge manifests/stable cannot be had*({status})", access: _registry.PatientAccess);
        _registry.Requests.Should().HaveCount(3);
    }

    [Fact]
    public async Task Says_in_the_registrys_words_what_is_not_there() =>
        await Refused($"{_registry.Host}/os/edge manifests/old is not there (404: manifest unknown)", reference: ":old");

    [Theory]
    [InlineData("text/html", "*is of type \"text/html\", which is none of an image")]
    [InlineData(MediaTypes.Index, "*is not what the registry says it is: \"application/vnd.oci.image.index.v1+json\"")]
    [InlineData("application/vnd.docker.distribution.manifest.v1+prettyjws", "*is of type *manifest.v1+prettyjws\", which is none of an image")]
    public async Task Refuses_a_manifest_of_the_wrong_type(string type, string message)
    {
        _registry.Publish(json => json, type);

        await Refused(message);
    }

    [Fact]
    public async Task Refuses_a_manifest_that_is_not_the_one_that_was_asked_for()
    {
        string wanted = $"@{_registry.ManifestDigest}";
        _registry.Before = async context =>
        {
            context.Response.ContentType = MediaTypes.Manifest;
            await context.Response.WriteAsync("""{"schemaVersion": 2}""");
            return true;
        };

        await Refused("*has digest sha256:*; sha256:* was asked for", reference: wanted);
    }

    [Fact]
    public async Task Refuses_a_gigantic_manifest_without_reading_it()
    {
        _registry.Before = async context =>
        {
            context.Response.ContentType = MediaTypes.Manifest;
            byte[] spaces = Encoding.ASCII.GetBytes(new string(' ', 1 << 20));
            for (int i = 0; i < 1000 && !context.RequestAborted.IsCancellationRequested; i++)
            {
                await context.Response.Body.WriteAsync(spaces);
            }

            return true;
        };

        await Refused("*has more than the 4194304 bytes allowed");
    }

    [Fact]
    public async Task Refuses_json_that_nests_without_end()
    {
        _registry.Publish(_ => new string('[', 100_000));

        await Refused("*malformed*");
    }

    [Fact]
    public async Task Names_the_platforms_of_an_index_without_ours()
    {
        _registry.PublishIndex("""{"os": "linux", "architecture": "s390x"}""");

        await Refused($"the image is for linux/s390x; {Platform.Native} is wanted");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task Gives_up_on_a_blob_that_always_has_another_length(int more)
    {
        _registry.Before = async context =>
        {
            if (IsBlob(context))
            {
                byte[] other = [.. _registry.Layer, 0];
                context.Response.ContentLength = _registry.Layer.Length + more;
                await context.Response.Body.WriteAsync(other.AsMemory(0, _registry.Layer.Length + more));
            }

            return IsBlob(context);
        };

        await Refused("*: blob sha256:* stopped at 0 of * bytes, 3 times: blob sha256:* has * bytes at *; its descriptor states *");
    }

    [Fact]
    public async Task Refuses_a_blob_with_another_digest()
    {
        _registry.Before = async context =>
        {
            if (IsBlob(context))
            {
                byte[] other = [.. _registry.Layer];
                other[600] ^= 1;
                context.Response.ContentLength = other.Length;
                await context.Response.Body.WriteAsync(other);
            }

            return IsBlob(context);
        };

        await Refused("blob sha256:* has digest sha256:*");
    }

    [Fact]
    public async Task Goes_round_in_circles_ten_times_at_most()
    {
        _registry.Before = context =>
        {
            context.Response.Redirect(context.Request.Path);
            return Task.FromResult(true);
        };

        await Refused("*redirects more than 10 times", access: _registry.PatientAccess);
        _registry.Requests.Should().HaveCount(11);
    }

    [Fact]
    public async Task Follows_no_redirect_that_gives_up_tls()
    {
        _registry.Before = context =>
        {
            context.Response.Redirect($"http://{_registry.Host}/");
            return Task.FromResult(true);
        };

        await Refused("*redirects to a place that is not safe or not a URL");
    }

    [Fact]
    public async Task Shows_a_login_to_the_registry_and_to_nobody_it_redirects_to()
    {
        await using LoopbackRegistry elsewhere = await LoopbackRegistry.StartAsync(_registry.Content);
        _registry.Before = context =>
        {
            if (!RequireBasic(context))
            {
                return Task.FromResult(true);
            }

            if (IsBlob(context))
            {
                context.Response.Redirect($"https://{elsewhere.Host}/blob");
            }

            return Task.FromResult(IsBlob(context));
        };
        elsewhere.Before = async context =>
        {
            await context.Response.Body.WriteAsync(_registry.Layer);
            return true;
        };
        RegistryAccess access = _registry.PatientAccess with
        {
            Logins = Login(_registry.Host),
            Certificates = host => host == elsewhere.Host ? elsewhere.Access.Certificates(host) : _registry.Access.Certificates(host),
        };

        await _registry.PullAsync(access);

        elsewhere.Requests.Should().ContainSingle().Which.Authorization.Should().BeNull();
        _registry.Requests.Count(request => request.Authorization is null).Should().Be(1, "only the first request has to be told");
    }

    [Theory]
    [InlineData(true, "*/os/edge manifests/stable may not be read: the login was not accepted (401)")]
    [InlineData(false, "127.0.0.1:* asks for a login and there is none for 127.0.0.1:*/os/edge; podman login --authfile /etc/ostree/auth.json 127.0.0.1:* stores one")]
    public async Task Asks_once_more_with_a_login_and_not_again(bool login, string message)
    {
        _registry.Before = context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"x\"";
            return Task.FromResult(true);
        };

        string text = await Refused(message, access: _registry.PatientAccess with { Logins = login ? Login(_registry.Host) : AuthFile.Empty });

        text.Should().NotContain(Secret);
        _registry.Requests.Should().HaveCount(login ? 2 : 1);
    }

    [Fact]
    public async Task Asks_once_more_with_a_token_and_not_again_where_none_is_accepted()
    {
        int tokens = 0;
        _registry.Before = async context =>
        {
            if (context.Request.Path == "/token")
            {
                await context.Response.WriteAsync($$"""{"token": "{{Secret}}{{++tokens}}"}""");
                return true;
            }

            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://{_registry.Host}/token\",service=\"s\"";
            return true;
        };

        string text = await Refused(
            "*/os/edge manifests/stable may not be read: the login was not accepted (401)", access: _registry.PatientAccess with { Logins = Login(_registry.Host) });

        text.Should().NotContain(Secret);
        tokens.Should().Be(1);
        _registry.Requests.Should().HaveCount(3);
    }

    [Fact]
    public async Task Gives_up_on_a_token_that_trickles()
    {
        _registry.Before = async context =>
        {
            if (context.Request.Path != "/token")
            {
                context.Response.StatusCode = 401;
                context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://{_registry.Host}/token\",service=\"s\"";
                return true;
            }

            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.WriteAsync(" ");
                await context.Response.Body.FlushAsync();
                await Task.Delay(100);
            }

            return true;
        };

        await Refused(
            "127.0.0.1:*: the token from 127.0.0.1:* did not arrive within 2 seconds",
            access: _registry.PatientAccess with { Patience = _registry.PatientAccess.Patience with { Answer = TimeSpan.FromSeconds(2) } });
    }

    [Fact]
    public async Task Gets_a_token_to_pull_this_repository_and_uses_it_until_it_expires()
    {
        int tokens = 0;
        _registry.Before = async context =>
        {
            if (context.Request.Path == "/token")
            {
                context.Request.Headers.Authorization.ToString().Should().Be(Basic());
                context.Request.QueryString.Value.Should().Be("?service=the%20registry&scope=repository%3Aos%2Fedge%3Apull");
                await context.Response.WriteAsync($$"""{"token": "t{{++tokens}}", "expires_in": 60}""");
                return true;
            }

            // The first token is good for one request; the blob, which comes later, needs another.
            string current = IsBlob(context) ? "Bearer t2" : "Bearer t1";
            if (context.Request.Headers.Authorization == current || (context.Request.Path.Value!.Contains("/blobs/") && !IsBlob(context) && context.Request.Headers.Authorization == "Bearer t1"))
            {
                return false;
            }

            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate =
                $"Basic realm=\"no, \\\"not\\\" this\", Bearer realm=\"https://{_registry.Host}/token\",service=\"the registry\",scope=\"repository:os/edge:pull,push\"";
            return true;
        };

        await _registry.PullAsync(_registry.Access with { Logins = Login(_registry.Host) });

        tokens.Should().Be(2);
    }

    [Fact]
    public async Task Asks_a_credential_helper_again_that_failed_once()
    {
        int times = 0;
        _registry.Before = context => Task.FromResult(!RequireBasic(context));

        await _registry.PullAsync(_registry.PatientAccess with
        {
            Logins = AuthFile.Parse(Encoding.UTF8.GetBytes($$$"""{"credHelpers": { "{{{_registry.Host}}}": "lab" } }"""), "auth.json"),
            AskHelper = (_, _, _) => ++times == 1
                ? throw new RegistryException("docker-credential-lab failed")
                : Task.FromResult<RegistryCredentials?>(new("user", Secret)),
        });

        times.Should().Be(2);
    }

    [Fact]
    public async Task Asks_again_for_a_token_where_the_answer_was_none()
    {
        int tokens = 0;
        _registry.Before = async context =>
        {
            if (context.Request.Path == "/token")
            {
                await context.Response.WriteAsync(++tokens == 1 ? "<html/>" : """{"token": "t1"}""");
                return true;
            }

            bool isAuthorized = context.Request.Headers.Authorization == "Bearer t1";
            context.Response.StatusCode = isAuthorized ? 200 : 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://{_registry.Host}/token\",service=\"s\"";
            return !isAuthorized;
        };

        await _registry.PullAsync(_registry.PatientAccess);

        tokens.Should().Be(2);
    }

    /// <summary>As podman does: one configuration of TLS for a registry and for where it has its tokens from.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Trusts_the_place_that_tokens_are_from_as_it_trusts_the_registry(bool insecure)
    {
        await using LoopbackRegistry realm = await LoopbackRegistry.StartAsync();
        realm.Before = async context =>
        {
            await context.Response.WriteAsync("""{"token": "t1"}""");
            return true;
        };
        _registry.Before = context =>
        {
            bool isAuthorized = context.Request.Headers.Authorization == "Bearer t1";
            context.Response.StatusCode = isAuthorized ? 200 : 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"https://{realm.Host}/token\",service=\"s\"";
            return Task.FromResult(!isAuthorized);
        };
        HostCertificates both = HostCertificates.Parse(new Dictionary<string, string> { ["a.crt"] = _registry.Authority, ["b.crt"] = realm.Authority }, "certs.d");

        await _registry.PullAsync(_registry.PatientAccess with
        {
            Config = RegistriesConfig.Of([new("registries.conf") { Registries = [new() { Location = _registry.Host, Insecure = insecure }] }]),
            Certificates = host => host == _registry.Host && !insecure ? both : HostCertificates.None,
        });

        realm.Requests.Should().ContainSingle();
    }

    [Theory]
    [InlineData("registry.example/os", "registry.example")]
    [InlineData("registry.example:443/os", "registry.example:443")]
    [InlineData("docker.io/os", "docker.io")]
    public async Task Certificates_are_found_by_the_name_of_the_registry_in_those_of_images(string image, string host)
    {
        ImageName.TryParse(image, out ImageName? name).Should().BeTrue();
        using RegistryImage source = RegistryImage.Open(name!, _registry.Access with { Certificates = asked => throw new InvalidDataException(asked) });

        await source.Awaiting(s => s.ResolveAsync(default).AsTask()).Should().ThrowAsync<InvalidDataException>().WithMessage(host);
    }

    [Theory]
    [InlineData("http://127.0.0.1/token")]
    [InlineData("https://user@127.0.0.1/token")]
    [InlineData("file:///etc/passwd")]
    [InlineData("nowhere")]
    public async Task Sends_no_login_to_a_realm_that_is_not_safe(string realm)
    {
        _registry.Before = context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{realm}\"";
            return Task.FromResult(true);
        };

        await Refused("*sends logins to a place that is not safe or not a URL", access: _registry.Access with { Logins = Login(_registry.Host) });
    }

    [Fact]
    public async Task Trusts_no_authority_that_is_not_configured() =>
        await Refused("127.0.0.1:*certificate*", access: _registry.Access with { Certificates = _ => HostCertificates.None });

    [Theory]
    [InlineData(1)]
    [InlineData(-9)]
    public async Task A_certificate_that_is_not_valid_now_may_be_a_clock_that_is_wrong(int days)
    {
        using System.Security.Cryptography.X509Certificates.X509Certificate2 certificate = LoopbackRegistry.NewCertificate(days);
        await using LoopbackRegistry other = await LoopbackRegistry.StartAsync(certificate: certificate);

        await other.Invoking(r => r.PullAsync()).Should().ThrowAsync<RegistryException>()
            .WithMessage("the certificate of 127.0.0.1:* is valid from 20??-??-?? to 20??-??-??, and the clock of this machine says 20*; is it right?: *");
    }

    [Fact]
    public async Task Says_who_it_is_and_what_it_understands()
    {
        string? agent = null;
        string? accept = null;
        _registry.Before = context =>
        {
            (agent, accept) = (context.Request.Headers.UserAgent, accept ?? context.Request.Headers.Accept.ToString());
            return Task.FromResult(false);
        };

        await _registry.PullAsync();

        agent.Should().Be("bootc/1.2.3");
        accept.Should().ContainAll(MediaTypes.Manifest, MediaTypes.Index, MediaTypes.DockerManifest, MediaTypes.DockerManifestList);
    }

    [Fact]
    public async Task Stops_when_it_is_told_to()
    {
        using CancellationTokenSource stop = new();
        _registry.Before = async context =>
        {
            stop.Cancel();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            return true;
        };

        await _registry.Awaiting(registry => registry.PullAsync(cancellationToken: stop.Token)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Asks_mirrors_in_order_and_the_registry_last()
    {
        await using LoopbackRegistry mirror = await LoopbackRegistry.StartAsync(_registry.Content);
        mirror.Before = context =>
        {
            context.Response.StatusCode = IsBlob(context) ? 404 : 200;
            return Task.FromResult(IsBlob(context));
        };

        using RegistryImage source = OpenMirrored(mirror, new() { Location = "127.0.0.1:1/gone" }, new() { Location = $"{mirror.Host}/os" });
        ResolvedImage image = await source.ResolveAsync(default);
        using (Stream layer = await source.OpenLayerAsync(image.Layers.Single(), default))
        {
            layer.CopyTo(Stream.Null);
        }

        mirror.Requests.Should().HaveCount(3, "manifest and config are there, and the blob is asked for");
        _registry.Requests.Should().ContainSingle().Which.Path.Should().EndWith(_registry.LayerDigest.ToString());
    }

    [Fact]
    public async Task A_mirror_that_gave_another_blob_is_not_asked_for_it_again_and_the_registry_has_the_last_word()
    {
        await using LoopbackRegistry mirror = await LoopbackRegistry.StartAsync(_registry.Content);
        mirror.ServeBlob($"{_registry.LayerDigest}", [.. _registry.Layer[..^1], 1]);
        using RegistryImage source = OpenMirrored(mirror, new MirrorTable { Location = $"{mirror.Host}/os" });
        ResolvedImage image = await source.ResolveAsync(default);
        ImageLayer layer = image.Layers.Single();

        await FluentActions.Awaiting(() => ReadAsync()).Should().ThrowAsync<InvalidDataException>().WithMessage("blob sha256:* has digest sha256:*");
        source.TryElsewhere(layer).Should().BeTrue();
        (await ReadAsync()).Should().Equal(_registry.Layer);
        source.TryElsewhere(layer).Should().BeFalse();

        async Task<byte[]> ReadAsync()
        {
            using Stream stream = await source.OpenLayerAsync(layer, default);
            using MemoryStream tar = new();
            stream.CopyTo(tar);
            return tar.ToArray();
        }
    }

    [Fact]
    public async Task A_mirror_that_does_not_answer_is_waited_for_once()
    {
        using TcpListener mirror = new(IPAddress.Loopback, 0);
        mirror.Start();
        int connections = 0;
        Task accepting = Task.Run(async () =>
        {
            while (true)
            {
                using TcpClient closed = await mirror.AcceptTcpClientAsync();
                connections++;
            }
        });

        using RegistryImage source = OpenMirrored(_registry, new MirrorTable { Location = $"{mirror.LocalEndpoint}/os" });
        ResolvedImage image = await source.ResolveAsync(default);
        int asked = connections;
        (await source.OpenLayerAsync(image.Layers.Single(), default)).Dispose();

        asked.Should().BePositive();
        connections.Should().Be(asked);
        mirror.Stop();
        await FluentActions.Awaiting(() => accepting).Should().ThrowAsync<Exception>();
    }

    /// <summary>Whoever mirrors an image need not mirror its signatures; a mirror that is down may have them.</summary>
    [Theory]
    [InlineData(404, true, 1)]
    [InlineData(404, false, 0)]
    [InlineData(503, true, 1)]
    [InlineData(503, false, null)]
    public async Task Signatures_are_missing_only_where_nobody_has_them(int mirrorSays, bool registryHasThem, int? found)
    {
        await using LoopbackRegistry mirror = await LoopbackRegistry.StartAsync(_registry.Content);
        mirror.Before = context =>
        {
            context.Response.StatusCode = mirrorSays;
            return Task.FromResult(true);
        };
        if (registryHasThem)
        {
            ServeSignature("payload"u8.ToArray());
        }

        using RegistryImage source = OpenMirrored(mirror, new MirrorTable { Location = $"{mirror.Host}/os" });
        Func<Task<int>> reading = async () => (await source.ReadSignaturesAsync(_registry.ManifestDigest, default)).Length;

        if (found is null)
        {
            (await reading.Should().ThrowAsync<RegistryException>()).WithMessage("*(503)*is not there (404*");
        }
        else
        {
            (await reading()).Should().Be(found);
        }
    }

    [Theory]
    [InlineData(64 << 10, null)]
    [InlineData((64 << 10) + 1, "an image has a signature of 65537 bytes (sha256:*), more than the 65536 allowed")]
    public async Task What_is_too_large_to_be_signed_is_not_read(int size, string? refusal)
    {
        ServeSignature(new byte[size]);
        using RegistryImage source = _registry.Open(_registry.PatientAccess);
        Func<Task> reading = () => source.ReadSignaturesAsync(_registry.ManifestDigest, default).AsTask();

        if (refusal is null)
        {
            await reading.Should().NotThrowAsync();
        }
        else
        {
            (await reading.Should().ThrowAsync<InvalidDataException>()).WithMessage(refusal);
            _registry.Requests.Should().ContainSingle();
        }
    }

    [Fact]
    public async Task An_insecure_registry_that_is_silent_where_tls_is_spoken_is_asked_by_http()
    {
        using SilentToTls registry = new();

        using RegistryImage source = OpenInsecure(registry.Host, answer: TimeSpan.FromSeconds(2));

        (await source.Awaiting(s => s.ResolveAsync(default).AsTask()).Should().ThrowAsync<RegistryException>())
            .WithMessage($"{registry.Host}/os manifests/latest is not there (404)");
    }

    [Fact]
    public async Task Whoever_stops_while_a_registry_is_silent_has_it_stopped()
    {
        using SilentToTls registry = new();
        using CancellationTokenSource stop = new();
        using RegistryImage source = OpenInsecure(registry.Host, answer: TimeSpan.FromMinutes(5));

        Task resolving = source.ResolveAsync(stop.Token).AsTask();
        await registry.Connected;
        await stop.CancelAsync();

        await FluentActions.Awaiting(() => resolving).Should().ThrowAsync<OperationCanceledException>();
    }

    private RegistryImage OpenInsecure(string host, TimeSpan answer)
    {
        ImageName.TryParse($"{host}/os", out ImageName? name).Should().BeTrue();
        return RegistryImage.Open(name!, _registry.Access with
        {
            Config = RegistriesConfig.Of([new("registries.conf") { Registries = [new() { Location = host, Insecure = true }] }]),
            Patience = _registry.Access.Patience with { Answer = answer },
        });
    }

    /// <summary>The image by a name whose registry is <see cref="_registry"/>, with mirrors before it.</summary>
    private RegistryImage OpenMirrored(LoopbackRegistry mirror, params MirrorTable[] mirrors)
    {
        RegistryTable table = new() { Prefix = "registry.example/os", Location = $"{_registry.Host}/os", Mirrors = [.. mirrors] };
        RegistryAccess access = _registry.PatientAccess with
        {
            Config = RegistriesConfig.Of([new("registries.conf") { Registries = [table] }]),
            Certificates = host => host == mirror.Host ? mirror.Access.Certificates(host) : _registry.Access.Certificates(host),
        };
        ImageName.TryParse($"registry.example/{LoopbackRegistry.Repository}:{LoopbackRegistry.Tag}", out ImageName? name).Should().BeTrue();
        return RegistryImage.Open(name!, access);
    }

    /// <summary>Attaches something to the image as a signature is.</summary>
    private void ServeSignature(byte[] payload)
    {
        string part = $"\"digest\": \"{Digest.Sha256(payload)}\", \"size\": {payload.Length}";
        _registry.ServeBlob($"{Digest.Sha256(payload)}", payload);
        _registry.ServeManifest($"sha256-{$"{_registry.ManifestDigest}"[7..]}.sig", MediaTypes.Manifest, Encoding.UTF8.GetBytes(
            $$$"""
            {"schemaVersion": 2, "config": {"mediaType": "{{{MediaTypes.Config}}}", {{{part}}}}, "layers": [
              {"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", {{{part}}}, "annotations": {"dev.cosignproject.cosign/signature": "eA=="}}
            ]}
            """));
    }

    private async Task BreakOffAsync(HttpContext context)
    {
        context.Response.ContentLength = _registry.Layer.Length;
        await context.Response.Body.WriteAsync(_registry.Layer.AsMemory(0, 100_000));
        await context.Response.Body.FlushAsync();
        await Task.Delay(100);
        context.Abort();
    }

    private static string Basic() => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"user:{Secret}"));

    private static AuthFile Login(string host) =>
        AuthFile.Parse(Encoding.UTF8.GetBytes($$$"""{"auths": { "{{{host}}}": { "auth": "{{{Basic()[6..]}}}" } } }"""), "auth.json");

    private static bool RequireBasic(HttpContext context)
    {
        bool authorized = context.Request.Headers.Authorization == Basic();
        if (!authorized)
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"x\"";
        }

        return authorized;
    }

    private async Task<string> Refused(string message, string reference = $":{LoopbackRegistry.Tag}", RegistryAccess? access = null)
    {
        Exception failure = (await _registry.Awaiting(registry => registry.PullAsync(access, reference)).Should().ThrowAsync<Exception>()).Which;
        failure.Should().Match(e => e is RegistryException || e is InvalidDataException);
        failure.Message.Should().Match(message).And.NotContain("\n");
        return failure.ToString();
    }
}
