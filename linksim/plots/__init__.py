"""Figures, summary and report of a run, drawn from its trace only; and figures of measurements that `linksim papers` and others make.

    of a trace       time_series, scores, compare, adaptation, policy_map, policies, images, channel, constellation, timeline, session;
                     `captions` declares them, `figures` writes them as `figure_options` select them, `report` and `figure_section` set
                     them in a page (`html`); score_series and score_bars belong to `scores`
    numbers          summary, paired_comparison, rewards, binning, snr_bins; `number_text` formats them
    the trace        trace_view and tables; snr_sweep_groups and policy_groups find the groups that belong together
    of measurements  sweeps, convergence, attack_learning, learning_curve, error_rates, papers
    style            plot_style; figure_shape has the size and title that a caller requests

Nothing here runs a simulation or a network, and torch is not imported. matplotlib is imported by the modules that draw, and only there.
"""
