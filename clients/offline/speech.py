"""Hold the words of plain speech that must not be taken for the name of something.

A word that stands in none of these tables may be a name. So a sentence is only acted upon if every word of it is
either known or a name in its place, and nobody pays for a look at something that was made up from a stray word.
"""

_SMALL = """
yourself myself itself themselves ourselves mean means meant important better
a an the this that these those it its it's i i'm im i've i'd we we're you your yours my mine our ours their they them
us me he she his her one ones someone same such other others another each every both either whole entire all any some
no not none only just of in on at by to for from with without about into inside within across per via over under
around between through like as than then and or but nor if so because since after before while during until till up
off out there here now still again already yet ever never always often sometimes constantly repeatedly currently
recently right today suddenly actually really very much many more most less few also too even exactly properly
correctly anymore please thanks thank pls hi hey hello ok okay well quick quickly maybe long ago
"""
_VERBS = """
is isn't are aren't am was wasn't were weren't be been being do does doesn't don't did didn't doing done has hasn't
have haven't had having can can't cannot could couldn't will won't would wouldn't should shouldn't shall may might
must let let's lets get gets got getting go goes going gone went keep keeps kept keeping come comes coming make makes
made need needs want wants try tries trying seem seems look looks looking say says said tell tells know see sees show
shows list describe display view give fetch print read tail find diagnose diagnosis debug troubleshoot investigate
inspect check analyze analyse examine explain understand help use uses used using call called named name names exist
exists take takes return returns returning serve serves serving respond responds responding run runs ran running
happen happens happened happening pull pulling schedule scheduled deploy deployed configured set contain contains
"""
_ASKING = "what what's whats which who whose when where why why's how how's reason reasons cause causes matter deal"
_STATES = """
wrong fail fails failed failing failure failures crash crashes crashed crashing crashloop crashloops crashlooping
crash-loop crash-looping crashloopbackoff backoff imagepullbackoff errimagepull containercreating
createcontainerconfigerror createcontainererror runcontainererror invalidimagename oom oomkilled oom-killed kill kills
killed dying dead die dies alive evicted evict broken break breaks breaking unhealthy healthy health ready notready
unready readiness liveness pending stuck hang hangs hanging hung down slow fine good bad happy sad restart restarts
restarted restarting start starts started starting stop stops stopped stopping terminate terminates terminated
terminating complete completed completes finish finished finishes succeed succeeded succeeds error errors errored
errorred problem problems issue issues trouble troubles troubled status state states work works worked working
unavailable available reachable unreachable unschedulable progressing firing unknown max maximum maxed min minimum
limit degraded unstable stable flapping misbehaving acting time times once last latest first second next previous
prior current new newest old oldest recent
"""
_DETAILS = """
log logs output line lines yaml json manifest spec version versions image images replica replicas copies rollout
rollouts roll rolled count counts number total list detail details summary overview label labels labeled labelled
selector selectors container containers contents warning warnings
"""
_IDIOMS = "fact general order case short total particular principle theory practice effect addition line-up full part"

WORDS = frozenset(f"{_SMALL} {_VERBS} {_ASKING} {_STATES} {_DETAILS} {_IDIOMS}".split())
"""What is never a name, not even behind a kind."""

THINGS = frozenset(
    """
everything anything something nothing everybody nobody everyone stuff thing things team people life world kubernetes
k8s kubectl cluster clusters docker podman containerd helm terraform opentofu ansible python java javascript
typescript node.js golang rust ruby php linux ubuntu debian windows mac macos bash git github gitlab bitbucket aws
azure gcp google amazon ec2 ecs s3 eks gke aks slack jira loki yaml internet wifi vpn laptop computer phone network
networking dns tls ssl http https traffic app apps application applications website site page server servers localhost
system software hardware program script code build builds pipeline pipelines ci cd ci/cd login password database
databases test tests machine machines cloud environment workload workloads object objects resource resources
microservice microservices process processes statement data key keys value values annotations dockerfile dockerfiles
compose docker-compose workflow workflows hcl
""".split()
)
"""What people speak of in general. It is a name only behind a kind, as in "deployment app"."""

TOPICS = frozenset(
    """
js usage use-case memory cpu disk consumption load metrics metric utilization utilisation latency strategy strategies
frequency policy policies template templates pool pools group groups plan plans tool tools mesh account accounts
controller controllers security management quotas affinity port ports type types file files mode market mesh pattern
patterns design architecture example examples concept concepts tutorial best difference meaning idea experience offer
interview description opening cost costs price pricing size sizes speed hour hours minute minutes day days week weeks
month months yesterday tomorrow tonight morning
""".split()
)
"""What makes a sentence mean more than we can do, or another thing: never a name, and never passed over either."""
